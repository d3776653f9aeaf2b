package config

import "strings"

// settingsProblems says what a provider refused in a cluster's settings: each
// problem at the setting that it is about, which providers name in front of their
// words as "settings.nodes: …".
func (c *Config) settingsProblems(cluster string, err error) []Problem {
	var problems []Problem
	for _, one := range parts(err) {
		path, message := []string{"clusters", cluster, "settings"}, one.Error()
		name, rest, named := strings.Cut(message, ": ")
		switch setting, below := strings.CutPrefix(name, "settings."); {
		case named && below && !strings.ContainsAny(setting, " \n"):
			path, message = append(path, strings.Split(setting, ".")...), rest
		case named && name == "settings":
			message = rest
		}
		if unknown, ok := strings.CutPrefix(message, `unknown field "`); ok { // of which the place is known all the same
			path, message = append(path, strings.TrimSuffix(unknown, `"`)), "unknown field"
		}
		problems = append(problems, Problem{Position: c.Position(path...), Field: joinPath(path...), Message: message})
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
