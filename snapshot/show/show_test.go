package show_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

var update = flag.Bool("update", false, "write golden files anew")

func id(kind, namespace, name string) object.ID {
	kind, group, _ := strings.Cut(kind, ".")
	return object.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}
}

func at(hour, minute int) *time.Time {
	t := time.Date(2026, 11, 22, hour, minute, 0, 0, time.UTC)
	return &t
}

// sample is a report as it comes from a cluster in which people worked.
func sample() show.Input {
	edit := drift.Author{Manager: "kubectl-edit", Time: at(14, 3)}
	config := func(level, more string) string {
		return "[server]\nport = 8080\nhost = 0.0.0.0\n\n[log]\nlevel = " + level + "\nformat = json\n\n[db]\npool = 10\n" + more
	}
	return show.Input{
		Cluster: "prod-eu",
		Commit: show.Commit{
			SHA: "3f9a1c2d4e5f60718293a4b5c6d7e8f901234567", Revision: "main", Subject: "Raise the limits of the shop",
			Repo: "https://git.example.com/shop/deploy.git", Path: "overlays/prod",
		},
		Times: true,
		Drift: &drift.Report{
			Compared: 412, Fingerprint: strings.Repeat("ab", 32),
			Changed: []drift.Change{{
				ID: id("ConfigMap", "shop", "settings"), From: object.Provenance{File: "base/settings.yaml", Line: 1, Made: "kustomization overlays/prod"},
				Fields: []drift.Field{{Path: `data["app.ini"]`, Want: config("info", ""), Have: config("debug", "timeout = 30\n"), By: []drift.Author{edit}}},
			}, {
				ID: id("Deployment.apps", "shop", "web"), From: object.Provenance{File: "base/web.yaml", Line: 12, Made: "kustomization overlays/prod"},
				ByHand: true,
				Fields: []drift.Field{
					{Path: "spec.replicas", Want: int64(3), Have: int64(5), By: []drift.Author{{Manager: "kubectl", Subresource: "scale", Time: at(9, 30)}}},
					{Path: "spec.template.spec.containers[web].image", Want: "registry.example.com/shop/web:1.4.2", Have: "registry.example.com/shop/web:1.4.3-hotfix", By: []drift.Author{edit}},
					{Path: "spec.template.spec.containers[web].env[DEBUG]", Have: map[string]any{"name": "DEBUG", "value": "true"}, By: []drift.Author{edit}},
					{Path: "spec.template.spec.containers[web].resources.limits.cpu", Want: "2", By: nil},
				},
			}, {
				ID: id("Secret", "shop", "db"), From: object.Provenance{File: "base/db.enc.yaml", Line: 1},
				Fields: []drift.Field{{Path: "data.password", Want: "(hidden)", Have: "(hidden)", By: []drift.Author{{Manager: "Mozilla", Time: at(8, 0)}}}},
			}, {
				ID: id("StatefulSet.apps", "shop", "db"), From: object.Provenance{File: "base/db.yaml", Line: 30},
				Fields:  []drift.Field{{Path: "spec.serviceName", Want: "db", Have: "db-headless"}},
				Refused: `StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' are forbidden`,
			}},
			Missing: []drift.Missing{
				{ID: id("NetworkPolicy.networking.k8s.io", "shop", "deny-all"), From: object.Provenance{File: "base/network.yaml", Line: 4}},
				{ID: id("ConfigMap", "gone", "a"), From: object.Provenance{File: "gone/a.yaml", Line: 1}, Why: "its namespace gone is missing too"},
			},
			Unexpected: []drift.Unexpected{
				{ID: id("ConfigMap", "shop", "scratch"), UID: "u1", Created: at(15, 10), By: &drift.Author{Manager: "kubectl-create", Time: at(15, 10)}},
				{ID: id("ClusterRoleBinding.rbac.authorization.k8s.io", "", "oncall:admin"), UID: "u2", Created: at(3, 12), By: &drift.Author{Manager: "kubectl-create", Time: at(3, 12)}},
				{ID: id("Job.batch", "shop", "migrate-41"), UID: "u3", Restored: true},
			},
			Unknown:  []drift.Unknown{{Kind: "Cache.example.com", Reason: "the conversion webhook does not answer: 500", Objects: []object.ID{id("Cache.example.com", "shop", "a")}}},
			Unlisted: map[string]string{"metrics.k8s.io/v1beta1": "503 Service Unavailable"},
			Ignored: []drift.Ignored{{
				ID: id("Deployment.apps", "shop", "worker"), What: drift.WhatChanged, Rule: "the night team scales it (until 2026-12-31)",
				From:  object.Provenance{File: "base/worker.yaml", Line: 1},
				Field: &drift.Field{Path: "spec.replicas", Want: int64(1), Have: int64(4)},
			}},
			Left: []drift.Left{{ID: id("Deployment.apps", "shop", "api"), Path: "spec.replicas", Why: "scaled by HorizontalPodAutoscaler.autoscaling shop/api"}},
		},
		Rules: []ignore.Status{
			{Rule: ignore.Rule{Kind: "Deployment", Reason: "the night team scales it", At: "rekindle.yaml:12"}, State: ignore.Used, Objects: 3, Ignored: 1},
			{Rule: ignore.Rule{Name: "wbe", Reason: "the web shop is being moved", At: "rekindle.yaml:17"}, State: ignore.Unmatched},
			{Rule: ignore.Rule{Name: "web", Reason: "agreed with security", At: "rekindle.yaml:20", Until: time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)}, State: ignore.Expired, Objects: 1, Ignored: 2},
		},
		Recoverability: recoverabilityOf(),
	}
}

func recoverabilityOf() *recoverability.Report {
	pvc, secret := id("PersistentVolumeClaim", "shop", "data-db-0"), id("Secret", "shop", "stripe")
	scratch := id("ConfigMap", "shop", "scratch")
	return &recoverability.Report{
		Score: 64, AtMost: true, Claims: 4, Saved: 3, Images: 9, Pinned: 7,
		Categories: []recoverability.CategoryScore{
			{Category: recoverability.Data, Points: 20, Most: 40, Lost: 20, Findings: 1},
			{Category: recoverability.Secrets, Points: 4, Most: 20, Lost: 4, Findings: 1},
			{Category: recoverability.Objects, Points: 2, Most: 15, Lost: 2, Findings: 1},
			{Category: recoverability.Definitions, Points: 0, Most: 10},
			{Category: recoverability.Images, Points: 13, Most: 10, Lost: 10, Findings: 1},
			{Category: recoverability.Versions, Most: 5},
		},
		Findings: []recoverability.Finding{{
			Category: recoverability.Data, Rule: "claim-unsaved", Subject: pvc.String(), Object: &pvc, Points: 20, Size: "80Gi", Class: "local-path",
			What: "nothing seems to save its data; it is on the disk of one node and gone with it",
			Do:   "back it up (Velero, VolSync, K8up, a dump to another place), or say who does with the annotation rekindle.io/data-saved-by",
		}, {
			Category: recoverability.Secrets, Rule: "secret-unexpected", Subject: secret.String(), Object: &secret, Points: 4,
			What: "nobody makes it again, made with kubectl-create", Do: "encrypt it into the source (SOPS, a SealedSecret, an ExternalSecret)",
		}, {
			Category: recoverability.Objects, Rule: "object-unexpected", Subject: scratch.String(), Object: &scratch, Points: 2,
			What: "it is in the cluster alone, made with kubectl-create", Do: "write it into the source (rekindle drift adopt does), or delete it",
		}, {
			Category: recoverability.Images, Rule: "image-latest", Subject: "registry.example.com/shop/tools", Points: 3,
			What: "the tag latest is whatever was pushed last", Digests: []string{"sha256:" + strings.Repeat("1f", 32)}, UsedBy: []string{"CronJob shop/report"},
			Do: "write registry.example.com/shop/tools@sha256:" + strings.Repeat("1f", 32) + " into the source: that is what runs now",
		}},
	}
}

func clean() show.Input {
	return show.Input{Cluster: "dev", Commit: show.Commit{SHA: "3f9a1c2d4e5f60718293a4b5c6d7e8f901234567"}, Drift: &drift.Report{Compared: 12}}
}

// liveFile is where an export has the file of an object.
func liveFile(id object.ID) string {
	return fmt.Sprintf("live/%s/%s/%s.yaml", id.Namespace, strings.ToLower(id.GroupKind().String()), strings.ReplaceAll(id.Name, ":", "__"))
}

func text(r *show.Report, o show.LineOptions) string {
	var b strings.Builder
	for line := range r.Lines(o) {
		b.WriteString(line.String() + "\n")
	}
	return b.String()
}

func golden(t *testing.T, name string, have []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, have, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("%s (-want +have), -update writes it anew:\n%s", name, diff)
	}
}

// The golden files are what people and machines are given.
func TestGolden(t *testing.T) {
	for name, in := range map[string]show.Input{"drift": sample(), "clean": clean()} {
		r := show.Of(in)
		golden(t, name+".txt", []byte(text(r, show.LineOptions{})))
		golden(t, name+"-80.txt", []byte(text(r, show.LineOptions{Width: 80, MaxLines: 12, MaxFindings: 3})))
		for file, write := range map[string]func() ([]byte, error){name + ".json": r.JSON, name + ".sarif": r.SARIF, name + ".xml": r.JUnit} {
			have, err := write()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, have)
		}
		in.Times = false
		golden(t, name+".md", show.Of(in).Markdown(show.MarkdownOptions{Path: liveFile, Data: "report.json"}))
	}
}
