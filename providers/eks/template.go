package eks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// What the stack gives to the cluster: names of its outputs.
const (
	outVPC     = "VPC"
	outSubnets = "Subnets"
	outRole    = "ClusterRole"
	outNodes   = "NodeRole"
	outDriver  = "DriverRole"
)

// zones is in how many availability zones subnets are made: EKS wants two or more.
const zones = 2

// part is one JSON object of a template.
type part map[string]any

// wantsStack tells whether the settings leave something to a stack of ours.
func wantsStack(set settings) bool {
	return set.Network == nil || set.Role == "" || set.NodeRole == "" && len(set.NodeGroups) > 0 || set.wantsDriverRole()
}

// template is the CloudFormation template of what the settings do not name: a VPC
// with a public subnet in each of these availability zones (no NAT gateway: that is
// what costs when nothing runs), and the roles of the control plane and of the nodes,
// also when there are no nodes yet: a role costs nothing, and nodes may come later. The
// driver of volumes has one of its own.
func template(m mark, set settings, zones []string) string {
	resources, outputs := part{}, part{}
	if set.Network == nil {
		vpc(resources, outputs, m, set, zones)
	}
	if set.Role == "" {
		resources[outRole] = role("eks.amazonaws.com", "AmazonEKSClusterPolicy")
		outputs[outRole] = value(attribute(outRole, "Arn"))
	}
	if set.NodeRole == "" {
		resources[outNodes] = role("ec2.amazonaws.com", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly")
		outputs[outNodes] = value(attribute(outNodes, "Arn"))
	}
	if set.wantsDriverRole() {
		resources[outDriver] = role("pods.eks.amazonaws.com", "service-role/AmazonEBSCSIDriverPolicy")
		outputs[outDriver] = value(attribute(outDriver, "Arn"))
	}
	text, err := json.MarshalIndent(part{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              fmt.Sprintf("What the EKS cluster %s stands on; made and removed by rekindle", m.name),
		"Resources":                resources, "Outputs": outputs,
	}, "", "  ")
	if err != nil {
		panic(err) // strings and maps alone
	}
	return string(text)
}

func vpc(resources, outputs part, m mark, set settings, zones []string) {
	resources["VPC"] = resource("AWS::EC2::VPC", part{
		"CidrBlock": set.cidr(), "EnableDnsSupport": true, "EnableDnsHostnames": true, "Tags": named(m, "vpc"),
	})
	resources["Gateway"] = resource("AWS::EC2::InternetGateway", part{"Tags": named(m, "gateway")})
	resources["Attachment"] = resource("AWS::EC2::VPCGatewayAttachment", part{"VpcId": ref("VPC"), "InternetGatewayId": ref("Gateway")})
	resources["Routes"] = resource("AWS::EC2::RouteTable", part{"VpcId": ref("VPC"), "Tags": named(m, "public")})
	route := resource("AWS::EC2::Route", part{"RouteTableId": ref("Routes"), "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": ref("Gateway")})
	route["DependsOn"] = "Attachment"
	resources["Route"] = route
	var subnets []any
	for i, cidr := range subnetRanges(set.cidr(), len(zones)) {
		name := fmt.Sprintf("Subnet%d", i+1)
		tags := append(named(m, strings.ToLower(name)), part{"Key": "kubernetes.io/role/elb", "Value": "1"})
		resources[name] = resource("AWS::EC2::Subnet", part{
			"VpcId": ref("VPC"), "CidrBlock": cidr, "MapPublicIpOnLaunch": true, "Tags": tags,
			"AvailabilityZone": zones[i],
		})
		resources[name+"Routes"] = resource("AWS::EC2::SubnetRouteTableAssociation", part{"SubnetId": ref(name), "RouteTableId": ref("Routes")})
		subnets = append(subnets, ref(name))
	}
	outputs[outVPC] = value(ref("VPC"))
	outputs[outSubnets] = value(part{"Fn::Join": []any{",", subnets}})
}

func resource(kind string, properties part) part { return part{"Type": kind, "Properties": properties} }

func ref(name string) part { return part{"Ref": name} }

func attribute(name, of string) part { return part{"Fn::GetAtt": []string{name, of}} }

func value(v any) part { return part{"Value": v} }

// named is the tag that consoles show; those that say whose it is come from the stack.
func named(m mark, what string) []any {
	return []any{part{"Key": "Name", "Value": "rekindle-" + m.name + "-" + what}}
}

// role is a role of IAM that a service may take on, with policies of AWS' own.
func role(service string, policies ...string) part {
	arns := make([]any, len(policies))
	for i, p := range policies {
		arns[i] = part{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/" + p}
	}
	return resource("AWS::IAM::Role", part{
		"AssumeRolePolicyDocument": part{"Version": "2012-10-17", "Statement": []any{part{
			"Effect": "Allow", "Principal": part{"Service": service}, "Action": []string{"sts:AssumeRole", "sts:TagSession"},
		}}},
		"ManagedPolicyArns": arns,
	})
}

// subnetRanges cuts n ranges of a sixteenth out of a VPC's.
func subnetRanges(cidr string, n int) []string {
	p := netip.MustParsePrefix(cidr) // checked with the settings
	bits, at := p.Bits()+4, p.Addr()
	ranges := make([]string, n)
	for i := range ranges {
		ranges[i] = netip.PrefixFrom(at, bits).String()
		raw := at.As4()
		number := uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
		number += 1 << (32 - bits)
		at = netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
	}
	return ranges
}
