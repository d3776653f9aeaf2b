package ec2

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// kind is a kind of thing, as ARNs and the filter resource-type call it.
type kind string

const (
	kindVPC       kind = "vpc"
	kindSubnet    kind = "subnet"
	kindGateway   kind = "internet-gateway"
	kindTable     kind = "route-table"
	kindGroup     kind = "security-group"
	kindInterface kind = "network-interface"
	kindVolume    kind = "volume"
	kindSnapshot  kind = "snapshot"
	kindInstance  kind = "instance"
)

// words are what EC2 says about a kind of thing: how its IDs begin, what messages call
// it, and the codes of errors.
type words struct{ prefix, noun, notFound, malformed string }

// vocabulary is taken from
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
var vocabulary = map[kind]words{
	kindVPC:       {"vpc", "vpc ID", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed"},
	kindSubnet:    {"subnet", "subnet ID", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"},
	kindGateway:   {"igw", "internetGateway ID", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed"},
	kindTable:     {"rtb", "routeTable ID", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed"},
	kindGroup:     {"sg", "security group", "InvalidGroup.NotFound", "InvalidGroupId.Malformed"},
	kindInterface: {"eni", "networkInterface ID", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed"},
	kindVolume:    {"vol", "volume", "InvalidVolume.NotFound", "InvalidVolumeID.Malformed"},
	kindSnapshot:  {"snap", "snapshot", "InvalidSnapshot.NotFound", "InvalidSnapshotID.Malformed"},
	kindInstance:  {"i", "instance ID", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"},
}

func refuse(code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// absent is the error about an ID that nothing has.
func (k kind) absent(id string) *wire.Error {
	w := vocabulary[k]
	return refuse(w.notFound, "The %s '%s' does not exist", w.noun, id)
}

// check tells whether an ID has the form of the kind's.
func (k kind) check(id string) error {
	w := vocabulary[k]
	digits, is := strings.CutPrefix(id, w.prefix+"-")
	if !is || len(digits) != 8 && len(digits) != 17 || strings.Trim(digits, "0123456789abcdef") != "" {
		return refuse(w.malformed, "Invalid id: %q (expecting \"%s-...\")", id, w.prefix)
	}
	return nil
}
