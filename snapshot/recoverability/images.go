package recoverability

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// image is an image that runs, by the name that its Pods give it.
type image struct {
	digests, usedBy map[string]bool
	// local: a node has it that no registry gave it.
	local bool
}

// seeImages takes the images of a Pod. Those of Kubernetes' own namespaces come
// with a cluster and are nobody's to restore.
func (s *Survey) seeImages(o drift.Sighting) {
	switch o.ID.Namespace {
	case "kube-system", "kube-public", "kube-node-lease":
		return
	}
	running := map[string]string{}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range field.Maps(o.Live.Object, "status", list) {
			running[field.Text(c, "name")] = field.Text(c, "imageID")
		}
	}
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range field.Maps(o.Live.Object, "spec", list) {
			ref := field.Text(c, "image")
			if ref == "" {
				continue
			}
			i := s.images[ref]
			if i == nil {
				i = &image{digests: map[string]bool{}, usedBy: map[string]bool{}}
				s.images[ref] = i
			}
			i.usedBy[workload(o)] = true
			id := running[field.Text(c, "name")]
			if _, digest, ok := strings.Cut(id, "@"); ok {
				i.digests[digest] = true
			} else if id != "" {
				i.local = true
			}
		}
	}
}

// workload is what made a Pod, as people call it.
func workload(o drift.Sighting) string {
	owners := o.Live.GetOwnerReferences()
	if len(owners) == 0 {
		return o.ID.String()
	}
	kind, name := owners[0].Kind, owners[0].Name
	hash := o.Live.GetLabels()["pod-template-hash"]
	if short, ok := strings.CutSuffix(name, "-"+hash); ok && kind == "ReplicaSet" && hash != "" {
		kind, name = "Deployment", short
	}
	return kind + " " + o.ID.Namespace + "/" + name
}

// reportImages adds a finding for each image that is named without a digest.
func (s *Survey) reportImages(r *Report) {
	for ref, i := range s.images {
		r.Images++
		name, digest, pinned := strings.Cut(ref, "@")
		if pinned && digest != "" {
			r.Pinned++
			continue
		}
		rule, points, what := judgeTag(name)
		f := Finding{
			Category: Images, Rule: rule, Points: points, Subject: ref, What: what,
			Digests: slices.Sorted(maps.Keys(i.digests)), UsedBy: slices.Sorted(maps.Keys(i.usedBy)),
		}
		switch {
		case len(f.Digests) > 1:
			f.Points = max(f.Points, 2) + 1
			f.What += fmt.Sprintf("; %d different images run under it now", len(f.Digests))
		case len(f.Digests) == 0 && i.local:
			f.Rule, f.Points = "image-local", 3
			f.What = "no registry gave it to the node, so that another node may find it nowhere"
		}
		f.Do = "push it to a registry, and name it with its digest"
		if len(f.Digests) == 1 {
			f.Do = "write " + name + "@" + f.Digests[0] + " into the source: that is what runs now"
		} else if len(f.Digests) > 1 {
			f.Do = "decide which one is right, and write its digest into the source"
		}
		r.Findings = append(r.Findings, f)
	}
}

var (
	// wholeVersion is a tag that names one release: 1.25.3, v2.0.1-rc.1, 8.0.36-debian.
	wholeVersion = regexp.MustCompile(`^v?\d+\.\d+\.\d+`)
	// longNumber is a date, a build's number or a commit: nobody makes it twice.
	longNumber = regexp.MustCompile(`(^|[-._])([0-9]{6,}|[0-9a-f]{7,40})$`)
)

// Moves tells whether the name of an image is likely to mean another image one day,
// and why.
func Moves(ref string) (why string, moves bool) {
	name, digest, _ := strings.Cut(ref, "@")
	_, points, what := judgeTag(name)
	return what, digest == "" && points > 0
}

// judgeTag says how likely another image is found under the same name later.
func judgeTag(ref string) (rule string, points int, what string) {
	rest := ref[strings.LastIndexByte(ref, '/')+1:]
	_, tag, _ := strings.Cut(rest, ":")
	switch tag = cmp.Or(tag, "latest"); {
	case tag == "latest":
		return "image-latest", 3, "the tag latest is whatever was pushed last"
	case wholeVersion.MatchString(tag), longNumber.MatchString(tag):
		return "image-version", 0, "the tag names one version, which is seldom moved, but may be"
	}
	return "image-moving", 2, "the tag " + tag + " is moved to newer images"
}
