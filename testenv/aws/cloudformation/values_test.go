package cloudformation

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestFunctions(t *testing.T) {
	s := &scope{
		pseudo: map[string]string{"AWS::Region": "eu-central-1", "AWS::Partition": "aws"}, zones: []string{"a", "b"},
		made: func(name string) *made {
			if name == "VPC" {
				return &made{physical: "vpc-1", attributes: map[string]string{"CidrBlock": "10.0.0.0/16"}}
			}
			return nil
		},
	}
	for _, c := range []struct{ value, want string }{
		{`"x"`, "x"},
		{`true`, "true"},
		{`{"Ref":"VPC"}`, "vpc-1"},
		{`{"Ref":"AWS::Region"}`, "eu-central-1"},
		{`{"Fn::GetAtt":["VPC","CidrBlock"]}`, "10.0.0.0/16"},
		{`{"Fn::GetAtt":"VPC.CidrBlock"}`, "10.0.0.0/16"},
		{`{"Fn::Join":["-",["a",{"Ref":"VPC"},"b"]]}`, "a-vpc-1-b"},
		{`{"Fn::Select":[1,{"Fn::GetAZs":""}]}`, "b"},
		{`{"Fn::Select":["0",["x","y"]]}`, "x"},
		{`{"Fn::Sub":"arn:${AWS::Partition}:${VPC}:${VPC.CidrBlock}:${!VPC}"}`, "arn:aws:vpc-1:10.0.0.0/16:${VPC}"},
		{`{"Fn::Sub":["${a}-${VPC}",{"a":{"Ref":"AWS::Region"}}]}`, "eu-central-1-vpc-1"},
		{`{"Ref":"Other"}`, "error: ValidationError: Template format error: Unresolved resource dependencies [Other]"},
		{`{"Fn::GetAtt":["VPC","Color"]}`, "error: ValidationError: Template error: resource VPC does not support attribute type Color"},
		{`{"Fn::GetAtt":["Other","Arn"]}`, "error: ValidationError: Template error: instance of Fn::GetAtt references undefined resource Other"},
		{`{"Fn::Select":[2,["x","y"]]}`, "error: ValidationError: Template error: Fn::Select cannot select nonexistent value at index 2"},
		{`{"Fn::Join":["-"]}`, "error: ValidationError: Template error: every Fn::Join object requires two parameters"},
		{`{"Fn::Join":["-","x"]}`, "error: ValidationError: Template error: x is no list"},
		{`{"Fn::ImportValue":"x"}`, "error: ValidationError: Template error: Fn::ImportValue is not simulated"},
		{`["x"]`, "error: ValidationError: Template error: [x] is no string"},
	} {
		var v any
		if err := json.Unmarshal([]byte(c.value), &v); err != nil {
			t.Fatal(err)
		}
		got, err := s.text(v)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want && !(strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s is %q, not %q", c.value, got, c.want)
		}
	}
}

func TestReferences(t *testing.T) {
	var v any
	if err := json.Unmarshal([]byte(`{"a":[{"Ref":"B"},{"Fn::GetAtt":["C","Arn"]}],"d":{"Fn::Sub":["${D.x} ${own} ${!E} ${AWS::Region}",{"own":{"Ref":"F"}}]},"g":{"Fn::Join":[",",[{"Ref":"B"}]]}}`), &v); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(references(v)); got != "[B C D F]" {
		t.Errorf("%s", got)
	}
}

// FuzzParse: a template that is taken has an order in which all of it can be made.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add(`{"Resources":{"A":{"Type":"AWS::EC2::InternetGateway","DependsOn":["B"]},"B":{"Type":"AWS::EC2::VPC","Properties":{"CidrBlock":{"Fn::Sub":["${x}",{"x":1}]}}}}}`)
	f.Add(`{"Resources":{"A":{"Type":"AWS::IAM::Role","Properties":{"RoleName":{"Fn::Join":[null]},"X":{"Fn::Select":{}}}}},"Outputs":{"O":{"Value":{"Fn::GetAtt":[]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			return
		}
		done := map[string]bool{}
		for _, level := range p.levels {
			for _, name := range level {
				for _, need := range p.waits[name] {
					if !done[need] {
						t.Fatalf("%s is made before %s", name, need)
					}
				}
			}
			for _, name := range level {
				done[name] = true
			}
		}
		if len(done) != len(p.resources) {
			t.Fatalf("%d of %d resources are made", len(done), len(p.resources))
		}
		s := &scope{zones: []string{"a"}, made: func(string) *made { return &made{physical: "x"} }}
		for _, r := range p.resources {
			_, _ = s.value(map[string]any(r.Properties))
		}
		p.makesRoles()
	})
}
