package predicate

// TestResult is the outcome of tests (in-toto test result v0.1).
type TestResult struct {
	Result                 string // "PASSED", "WARNED" or "FAILED"
	Configuration          []Resource
	URL                    string
	Passed, Warned, Failed []string // names of tests
}

func (t *TestResult) lacks() string {
	switch t.Result {
	case "PASSED", "WARNED", "FAILED":
		return ""
	}
	return "result that is PASSED, WARNED or FAILED"
}

func (t *TestResult) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "result":
			t.Result = r.text()
		case "configuration":
			t.Configuration = r.resources()
		case "url":
			t.URL = r.text()
		case "passedTests":
			t.Passed = r.texts()
		case "warnedTests":
			t.Warned = r.texts()
		case "failedTests":
			t.Failed = r.texts()
		}
	})
}
