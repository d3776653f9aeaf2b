package convert

import (
	"errors"
	"strconv"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// ingress reshapes backends and writes the path type out.
func ingress(content map[string]any) ([]string, error) {
	var c changes
	spec := field.Map(content, "spec")
	if move(spec, "backend", "defaultBackend") {
		c.say("spec.backend is now spec.defaultBackend")
	}
	reshaped, typed := false, false
	if b := field.Map(spec, "defaultBackend"); b != nil {
		ok, err := backend(b)
		if err != nil {
			return nil, err
		}
		reshaped = ok
	}
	for _, rule := range field.Maps(spec, "rules") {
		for _, p := range field.Maps(rule, "http", "paths") {
			if b := field.Map(p, "backend"); b != nil {
				ok, err := backend(b)
				if err != nil {
					return nil, err
				}
				reshaped = reshaped || ok
			}
			if p["pathType"] == nil {
				p["pathType"] = "ImplementationSpecific"
				typed = true
			}
		}
	}
	if reshaped {
		c.say("backends: serviceName and servicePort are now service.name and service.port")
	}
	if typed {
		c.say("paths: pathType is ImplementationSpecific, the default of the old version")
	}
	return c, nil
}

// backend reshapes {serviceName, servicePort} and tells whether it did.
func backend(b map[string]any) (bool, error) {
	name, hasName := b["serviceName"]
	port, hasPort := b["servicePort"]
	if !hasName && !hasPort {
		return false, nil
	}
	delete(b, "serviceName")
	delete(b, "servicePort")
	service := map[string]any{"name": name}
	switch p := port.(type) {
	case string:
		if n, err := strconv.ParseInt(p, 10, 32); err == nil {
			service["port"] = map[string]any{"number": n}
		} else {
			service["port"] = map[string]any{"name": p}
		}
	default:
		n, ok := number(p)
		if !ok {
			return false, errors.New("a backend has no servicePort")
		}
		service["port"] = map[string]any{"number": n}
	}
	b["service"] = service
	return true, nil
}

func ingressClass(content map[string]any) ([]string, error) { return sameShape(content) }

// endpointSlice moves what was in the topology to its own fields. The rest of
// the topology is dropped, as the API server does with it.
func endpointSlice(content map[string]any) ([]string, error) {
	if kind := field.Text(content, "addressType"); kind == "" || kind == "IP" {
		return nil, errors.New("its addressType is neither IPv4, IPv6 nor FQDN")
	}
	var c changes
	moved, lost := false, false
	for _, e := range field.Maps(content, "endpoints") {
		topology := field.Map(e, "topology")
		if topology == nil {
			continue
		}
		delete(e, "topology")
		for key, field := range map[string]string{"kubernetes.io/hostname": "nodeName", "topology.kubernetes.io/zone": "zone"} {
			if v, ok := topology[key]; ok && e[field] == nil {
				e[field] = v
				moved = true
			}
			delete(topology, key)
		}
		lost = lost || len(topology) > 0
	}
	if moved {
		c.say("endpoints: topology is now nodeName and zone")
	}
	if lost {
		c.say("endpoints: other topology keys are dropped, the new version has no place for them")
	}
	return c, nil
}
