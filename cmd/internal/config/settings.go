package config

import "strings"

// settingsError is one thing that a provider refused.
type settingsError struct {
	// setting is the path of the setting, empty when it is about them all.
	setting []string
	message string
}

// settingsErrors are what a provider refused in settings, each with the setting that
// it is about, which providers name in front of their words as "settings.nodes: …".
func settingsErrors(err error) []settingsError {
	if err == nil {
		return nil
	}
	var list []settingsError
	for _, one := range parts(err) {
		e := settingsError{message: one.Error()}
		name, rest, named := strings.Cut(e.message, ": ")
		switch setting, below := strings.CutPrefix(name, "settings."); {
		case named && below && !strings.ContainsAny(setting, " \n"):
			e.setting, e.message = strings.Split(setting, "."), rest
		case named && name == "settings":
			e.message = rest
		}
		if unknown, ok := strings.CutPrefix(e.message, `unknown field "`); ok { // of which the place is known all the same
			e.setting, e.message = append(e.setting, strings.TrimSuffix(unknown, `"`)), "unknown field"
		}
		list = append(list, e)
	}
	return list
}

// settingsProblems says where in the file that is what a provider refused in a
// cluster's settings.
func (c *Config) settingsProblems(cluster string, err error) []Problem {
	var problems []Problem
	for _, one := range settingsErrors(err) {
		path := c.settingsPath(cluster, one.setting)
		problems = append(problems, Problem{Position: c.Position(path...), Field: joinPath(path...), Message: one.message})
	}
	return problems
}

// parts are the errors that errors.Join joined, or the one that there is.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var texts []string
	var list []error
	for _, one := range joined.Unwrap() {
		texts = append(texts, one.Error())
		list = append(list, parts(one)...)
	}
	if strings.Join(texts, "\n") != err.Error() { // it says more than its parts
		return []error{err}
	}
	return list
}
