package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// canonical is how containerd knows an image: nginx is
// docker.io/library/nginx:latest. A digest beside a tag wins, as everywhere.
func canonical(ref string) string {
	name, digest, _ := strings.Cut(ref, "@")
	tag := ""
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		name, tag = name[:at], name[at+1:]
	}
	host, rest, several := strings.Cut(name, "/")
	switch {
	case !several:
		name = "docker.io/library/" + name
	case host == "index.docker.io" || host == "docker.io":
		if !strings.Contains(rest, "/") {
			rest = "library/" + rest
		}
		name = "docker.io/" + rest
	case !strings.ContainsAny(host, ".:") && host != "localhost" && strings.ToLower(host) == host:
		name = "docker.io/" + name
	}
	switch {
	case digest != "":
		return name + "@" + digest
	case tag == "":
		return name + ":latest"
	}
	return name + ":" + tag
}

// imageSet are images of Docker by their canonical references, with their ids,
// "sha256:…": the digests of their configurations, or of their manifests when
// Docker keeps its images in containerd.
type imageSet map[string]string

// localImages are those of this machine's Docker.
func (p *Provider) localImages(ctx context.Context) (imageSet, error) {
	out, err := p.docker.output(ctx, "image", "ls", "--no-trunc", "--digests", "--format",
		`{"id":{{json .ID}},"repository":{{json .Repository}},"tag":{{json .Tag}},"digest":{{json .Digest}}}`)
	if err != nil {
		return nil, err
	}
	type row struct{ ID, Repository, Tag, Digest string }
	rows, err := decodeRows[row](out)
	if err != nil {
		return nil, fmt.Errorf("docker image ls: %w", err)
	}
	const none = "<none>"
	set := imageSet{}
	for _, r := range rows {
		if r.Repository == none {
			continue
		}
		if r.Tag != none {
			set[canonical(r.Repository+":"+r.Tag)] = r.ID
		}
		if r.Digest != none && r.Digest != "" {
			set[canonical(r.Repository+"@"+r.Digest)] = r.ID
		}
	}
	return set, nil
}

// lacking is a *MissingError that names the images which the set does not have.
func (s imageSet) lacking(refs []string) error {
	var lack []string
	for _, ref := range refs {
		if s[canonical(ref)] == "" {
			lack = append(lack, ref)
		}
	}
	if len(lack) == 0 {
		return nil
	}
	slices.Sort(lack)
	what := "the image " + lack[0]
	if len(lack) > 1 {
		what = fmt.Sprintf("%d images (%s)", len(lack), strings.Join(lack, ", "))
	}
	return missing(what+" of settings.preload", "docker pull or docker load it, or take it from the list")
}

// nodeSet are the images that a node's containerd has, by their canonical
// references, each with all digests that Docker may have for its id: that of the
// configuration, and those of the manifests.
type nodeSet map[string][]string

func nodeImageSet(crictl []byte) (nodeSet, error) {
	var list struct {
		Images []struct {
			ID          string   `json:"id"`
			RepoTags    []string `json:"repoTags"`
			RepoDigests []string `json:"repoDigests"`
		} `json:"images"`
	}
	if err := json.Unmarshal(crictl, &list); err != nil {
		return nil, fmt.Errorf("crictl images: %w", err)
	}
	set := nodeSet{}
	for _, i := range list.Images {
		ids := []string{i.ID}
		for _, ref := range i.RepoDigests {
			_, digest, _ := strings.Cut(ref, "@")
			ids = append(ids, digest)
		}
		for _, ref := range slices.Concat(i.RepoTags, i.RepoDigests) {
			set[canonical(ref)] = ids
		}
	}
	return set, nil
}

// has tells whether the node has what Docker has under that reference.
func (s nodeSet) has(ref, id string) bool { return slices.Contains(s[canonical(ref)], id) }
