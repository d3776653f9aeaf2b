package cloudformation

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// kind is a type of resources.
type kind struct {
	// service makes them.
	service string
	// required and optional are the properties that they have.
	required, optional []string
	// system: they get CloudFormation's own tags.
	system bool
	// create makes one. It may leave what it made behind when it fails, with its name in
	// made.physical.
	create func(*job) error
	// remove removes one.
	remove func(*job) error
}

const typeRole = "AWS::IAM::Role"

// kinds are the types that are simulated. The permissions are those of the handlers in
// CloudFormation's public schemas of these types.
func kinds() map[string]kind {
	return map[string]kind{
		"AWS::EC2::VPC": {service: "ec2", required: []string{"CidrBlock"}, optional: []string{"EnableDnsSupport", "EnableDnsHostnames", "Tags"}, system: true,
			create: createVPC, remove: removeVPC},
		"AWS::EC2::Subnet": {service: "ec2", required: []string{"VpcId", "CidrBlock", "AvailabilityZone"}, optional: []string{"MapPublicIpOnLaunch", "Tags"}, system: true,
			create: createSubnet, remove: removeSubnet},
		"AWS::EC2::InternetGateway":      {service: "ec2", optional: []string{"Tags"}, system: true, create: createGateway, remove: removeGateway},
		"AWS::EC2::VPCGatewayAttachment": {service: "ec2", required: []string{"VpcId", "InternetGatewayId"}, create: attach, remove: detach},
		"AWS::EC2::RouteTable":           {service: "ec2", required: []string{"VpcId"}, optional: []string{"Tags"}, system: true, create: createTable, remove: removeTable},
		"AWS::EC2::Route": {service: "ec2", required: []string{"RouteTableId", "DestinationCidrBlock", "GatewayId"},
			create: createRoute, remove: removeRoute},
		"AWS::EC2::SubnetRouteTableAssociation": {service: "ec2", required: []string{"SubnetId", "RouteTableId"}, create: associate, remove: disassociate},
		typeRole: {service: "iam", required: []string{"AssumeRolePolicyDocument"}, optional: []string{"ManagedPolicyArns", "RoleName", "Path", "Description", "Tags"},
			create: createRole, remove: removeRole},
	}
}

// complete checks the properties of a resource.
func (k kind) complete(name string, properties map[string]any) error {
	for _, p := range k.required {
		if properties[p] == nil {
			return invalid("Properties validation failed for resource %s with message: #: required key [%s] not found", name, p)
		}
	}
	for p := range properties {
		if !slices.Contains(k.required, p) && !slices.Contains(k.optional, p) {
			return invalid("Properties validation failed for resource %s with message: #: extraneous key [%s] is not permitted", name, p)
		}
	}
	return nil
}

func createVPC(j *job) error {
	if err := j.may("ec2", j.making("CreateVpc", "vpc")...); err != nil {
		return err
	}
	v, err := j.place.CreateVPC(j.text("CidrBlock"), j.tags)
	if err != nil {
		return err
	}
	j.physical, j.attributes = v.ID, map[string]string{"VpcId": v.ID, "CidrBlock": v.CIDR}
	for _, g := range j.place.Groups(v.ID) {
		j.attributes["DefaultSecurityGroup"] = g.ID
	}
	needs := reading("DescribeVpcs", "DescribeVpcAttribute", "DescribeSecurityGroups", "DescribeNetworkAcls")
	if j.properties["EnableDnsSupport"] != nil || j.properties["EnableDnsHostnames"] != nil {
		needs = append(needs, j.on("ModifyVpcAttribute", "vpc", v.ID))
	}
	return j.may("ec2", needs...)
}

func removeVPC(j *job) error {
	return j.removing(j.on("DeleteVpc", "vpc", j.physical), "DescribeVpcs", j.place.DeleteVPC)
}

// removing removes a thing that needs one permission, and looks whether it is gone.
func (j *job) removing(need wire.Need, look string, remove func(id string) error) error {
	if err := j.may("ec2", append(reading(look), need)...); err != nil {
		return err
	}
	return remove(j.physical)
}

func createSubnet(j *job) error {
	vpc := j.text("VpcId")
	needs := append(j.making("CreateSubnet", "subnet"), j.on("CreateSubnet", "vpc", vpc))
	if err := j.may("ec2", append(needs, reading("DescribeSubnets")...)...); err != nil {
		return err
	}
	s, err := j.place.CreateSubnet(ec2.Subnet{
		Thing: ec2.Thing{Tags: j.tags}, VPC: vpc, Zone: j.text("AvailabilityZone"), CIDR: j.text("CidrBlock"), Public: j.flag("MapPublicIpOnLaunch"),
	})
	if err != nil {
		return err
	}
	j.physical, j.attributes = s.ID, map[string]string{"SubnetId": s.ID, "AvailabilityZone": s.Zone, "VpcId": s.VPC, "CidrBlock": s.CIDR}
	if j.properties["MapPublicIpOnLaunch"] == nil {
		return nil
	}
	return j.may("ec2", j.on("ModifySubnetAttribute", "subnet", s.ID))
}

func removeSubnet(j *job) error {
	return j.removing(j.on("DeleteSubnet", "subnet", j.physical), "DescribeSubnets", j.place.DeleteSubnet)
}

func createGateway(j *job) error {
	if err := j.may("ec2", append(j.making("CreateInternetGateway", "internet-gateway"), reading("DescribeInternetGateways")...)...); err != nil {
		return err
	}
	g, err := j.place.CreateGateway(j.tags)
	if err != nil {
		return err
	}
	j.physical, j.attributes = g.ID, map[string]string{"InternetGatewayId": g.ID}
	return nil
}

func removeGateway(j *job) error {
	return j.removing(j.on("DeleteInternetGateway", "internet-gateway", j.physical), "DescribeInternetGateways", j.place.DeleteGateway)
}

// attached are the permissions to attach or detach a gateway.
func (j *job) attached(action string) []wire.Need {
	return append(reading("DescribeInternetGateways"),
		j.on(action, "internet-gateway", j.text("InternetGatewayId")), j.on(action, "vpc", j.text("VpcId")))
}

func attach(j *job) error {
	if err := j.may("ec2", j.attached("AttachInternetGateway")...); err != nil {
		return err
	}
	if err := j.place.AttachGateway(j.text("InternetGatewayId"), j.text("VpcId")); err != nil {
		return err
	}
	j.physical = "IGW|" + j.text("VpcId")
	j.attributes = map[string]string{"AttachmentType": "IGW"}
	return nil
}

func detach(j *job) error {
	if err := j.may("ec2", j.attached("DetachInternetGateway")...); err != nil {
		return err
	}
	return j.place.DetachGateway(j.text("InternetGatewayId"), j.text("VpcId"))
}

func createTable(j *job) error {
	vpc := j.text("VpcId")
	needs := append(j.making("CreateRouteTable", "route-table"), j.on("CreateRouteTable", "vpc", vpc))
	if err := j.may("ec2", append(needs, reading("DescribeRouteTables")...)...); err != nil {
		return err
	}
	t, err := j.place.CreateRouteTable(vpc, j.tags)
	if err != nil {
		return err
	}
	j.physical, j.attributes = t.ID, map[string]string{"RouteTableId": t.ID}
	return nil
}

func removeTable(j *job) error {
	return j.removing(j.on("DeleteRouteTable", "route-table", j.physical), "DescribeRouteTables", j.place.DeleteRouteTable)
}

func createRoute(j *job) error {
	table := j.text("RouteTableId")
	if err := j.may("ec2", append(reading("DescribeRouteTables"), j.on("CreateRoute", "route-table", table))...); err != nil {
		return err
	}
	if err := j.place.CreateRoute(table, j.text("DestinationCidrBlock"), j.text("GatewayId")); err != nil {
		return err
	}
	j.physical = table + "|" + j.text("DestinationCidrBlock")
	j.attributes = map[string]string{"CidrBlock": j.text("DestinationCidrBlock")}
	return nil
}

func removeRoute(j *job) error {
	table := j.text("RouteTableId")
	return j.removing(j.on("DeleteRoute", "route-table", table), "DescribeRouteTables", func(string) error {
		return j.place.DeleteRoute(table, j.text("DestinationCidrBlock"))
	})
}

func associate(j *job) error {
	table, subnet := j.text("RouteTableId"), j.text("SubnetId")
	needs := append(reading("DescribeRouteTables", "DescribeSubnets"), j.on("AssociateRouteTable", "route-table", table), j.on("AssociateRouteTable", "subnet", subnet))
	if err := j.may("ec2", needs...); err != nil {
		return err
	}
	id, err := j.place.AssociateRouteTable(table, subnet)
	if err != nil {
		return err
	}
	j.physical, j.attributes = id, map[string]string{"Id": id}
	return nil
}

func disassociate(j *job) error {
	need := j.on("DisassociateRouteTable", "route-table", j.text("RouteTableId"))
	return j.removing(need, "DescribeRouteTables", j.place.DisassociateRouteTable)
}

// maxRoleName is how long the name of a role may be.
const maxRoleName = 64

// roleName is what a role is called whose name the template does not say.
func (j *job) roleName(digits string) string {
	end := "-" + j.name + "-" + digits
	return j.stack.name[:min(len(j.stack.name), max(1, maxRoleName-len(end)))] + end[max(0, len(end)-maxRoleName+1):]
}

func (j *job) onRole(action, arn string, keys ...map[string]string) wire.Need {
	need := wire.Need{Action: "iam:" + action, Resources: []string{arn}, Keys: map[string]string{}}
	for _, of := range keys {
		for k, v := range of {
			need.Keys[k] = v
		}
	}
	return need
}

func createRole(j *job) error {
	trust, err := document(j.properties["AssumeRolePolicyDocument"])
	if err != nil {
		return err
	}
	name := cmp.Or(j.text("RoleName"), j.roleName(strings.ToUpper(j.stack.digits[:12])))
	path := cmp.Or(j.text("Path"), "/")
	arn := "arn:" + partition(j.stack.region) + ":iam::" + j.stack.account + ":role" + path + name
	asked := iam.RequestTags(j.tags)
	needs := []wire.Need{j.onRole("CreateRole", arn, asked)}
	if len(j.tags) > 0 {
		needs = append(needs, j.onRole("TagRole", arn, asked))
	}
	if err := j.may("iam", needs...); err != nil {
		return err
	}
	r, err := j.roles.CreateRole(iam.Role{Name: name, Path: path, Description: j.text("Description"), Trust: trust, Tags: j.tags})
	if err != nil {
		return err
	}
	j.physical, j.attributes = r.Name, map[string]string{"Arn": r.ARN, "RoleId": r.ID}
	for _, p := range j.words("ManagedPolicyArns") {
		if err := j.may("iam", j.onRole("AttachRolePolicy", r.ARN, iam.ResourceTags(r.Tags), map[string]string{"iam:PolicyARN": p})); err != nil {
			return err
		}
		if err := j.roles.AttachPolicy(r.Name, p); err != nil {
			return err
		}
	}
	return j.may("iam", j.looking(r)...)
}

// looking are the permissions to look at a role.
func (j *job) looking(r iam.Role) []wire.Need {
	var needs []wire.Need
	for _, action := range []string{"GetRole", "ListAttachedRolePolicies", "ListRolePolicies"} {
		needs = append(needs, j.onRole(action, r.ARN, iam.ResourceTags(r.Tags)))
	}
	return needs
}

func removeRole(j *job) error {
	r, err := j.roles.Role(j.physical)
	if err != nil {
		return err
	}
	if err := j.may("iam", j.looking(r)...); err != nil {
		return err
	}
	for _, p := range j.words("ManagedPolicyArns") {
		if err := j.may("iam", j.onRole("DetachRolePolicy", r.ARN, iam.ResourceTags(r.Tags), map[string]string{"iam:PolicyARN": p})); err != nil {
			return err
		}
		if err := j.roles.DetachPolicy(r.Name, p); err != nil && !absent(err) {
			return err
		}
	}
	if err := j.may("iam", j.onRole("DeleteRole", r.ARN, iam.ResourceTags(r.Tags))); err != nil {
		return err
	}
	return j.roles.DeleteRole(r.Name)
}
