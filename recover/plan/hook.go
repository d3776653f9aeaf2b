package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

const (
	argoHook   = "argocd.argoproj.io/hook"
	argoWave   = "argocd.argoproj.io/sync-wave"
	argoDelete = "argocd.argoproj.io/hook-delete-policy"
	helmHook   = "helm.sh/hook"
	helmWeight = "helm.sh/hook-weight"
	helmDelete = "helm.sh/hook-delete-policy"
	dependsOn  = "config.kubernetes.io/depends-on"
)

// phases maps the hooks that an installation runs to their place: 0 before the
// chart's definitions, 1 before everything else, 2 with it, 3 after it. Hooks for
// upgrades count as those for installations: an application that is only ever
// synchronised has no other. See https://helm.sh/docs/topics/charts_hooks/ and
// https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/.
var phases = map[string]int{
	"crd-install": 0, "pre-install": 1, "post-install": 3,
	"PreSync": 1, "Sync": 2, "PostSync": 3,
}

// hookOf returns what the annotations of o say about when it runs, nil when it
// is no hook, and a reason when an installation would not make it at all.
func hookOf(o *object.Object) (*Hook, string) {
	notes := field.Texts(o.Object, "metadata", "annotations")
	key, weight, deletion := argoHook, argoWave, argoDelete
	if _, ok := notes[argoHook]; !ok {
		key, weight, deletion = helmHook, helmWeight, helmDelete
		if _, ok := notes[helmHook]; !ok {
			return nil, ""
		}
	}
	var first string
	for phase := range strings.SplitSeq(notes[key], ",") {
		phase = strings.TrimSpace(phase)
		if _, runs := phases[phase]; runs && (first == "" || phases[phase] < phases[first]) {
			first = phase
		}
	}
	if first == "" {
		return nil, fmt.Sprintf("is not made: %s %s does not run when something is installed", key, notes[key])
	}
	h := &Hook{Phase: first, Delete: list(notes[deletion])}
	h.Weight, _ = strconv.Atoi(strings.TrimSpace(notes[weight]))
	return h, ""
}

// list splits a text at commas.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// stage is the place of an object among the waves of its scope.
type stage struct{ phase, wave int }

func (s stage) compare(other stage) int {
	if s.phase != other.phase {
		return s.phase - other.phase
	}
	switch {
	case s.wave < other.wave:
		return -1
	case s.wave > other.wave:
		return 1
	}
	return 0
}

// duringSync is the phase of what is no hook.
const duringSync = 2

// stageOf reads the stage of o from its hook and its wave. Staged tells that o
// says something; malformed is a wave that is no number.
func stageOf(o *object.Object, hook *Hook) (s stage, staged bool, malformed string) {
	s = stage{phase: duringSync}
	if hook != nil {
		s, staged = stage{phase: phases[hook.Phase], wave: hook.Weight}, true
	}
	if text, ok := field.Texts(o.Object, "metadata", "annotations")[argoWave]; ok {
		wave, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return s, staged, text
		}
		s.wave, staged = wave, true
	}
	return s, staged, ""
}

// title names a stage: "Argo CD wave 3", "hooks pre-install, weight 5".
func (s stage) title(argo bool) string {
	switch {
	case s.phase == duringSync && argo:
		return fmt.Sprintf("wave %d", s.wave)
	case s.phase == duringSync:
		return "everything that is no hook"
	case s.phase == 0:
		return fmt.Sprintf("crd-install hooks, weight %d", s.wave)
	case s.phase == 1:
		return fmt.Sprintf("hooks before, weight %d", s.wave)
	}
	return fmt.Sprintf("hooks after, weight %d", s.wave)
}
