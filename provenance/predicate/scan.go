package predicate

import "time"

// Scan is what a scanner found (cosign's vulnerability attestation v1). It is no VEX:
// nobody judged whether anything of it can be exploited.
type Scan struct {
	Scanner           string // its URI
	Version           string
	Database          string // URI of what it knows
	DatabaseVersion   string
	Started, Finished time.Time
	Result            []byte // JSON, in the scanner's own form
	Invocation        string // URI of the run
	Builder           string
}

func (s *Scan) lacks() string {
	if s.Scanner == "" {
		return "scanner.uri"
	}
	return ""
}

func (s *Scan) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "invocation":
			r.members(func(name string) {
				switch name {
				case "uri":
					s.Invocation = r.text()
				case "builder.id":
					s.Builder = r.text()
				}
			})
		case "scanner":
			r.members(func(name string) {
				switch name {
				case "uri":
					s.Scanner = r.text()
				case "version":
					s.Version = r.text()
				case "db":
					r.members(func(name string) {
						switch name {
						case "uri":
							s.Database = r.text()
						case "version":
							s.DatabaseVersion = r.text()
						}
					})
				case "result":
					s.Result = r.raw()
				}
			})
		case "metadata":
			r.members(func(name string) {
				switch name {
				case "scanStartedOn":
					s.Started = r.time()
				case "scanFinishedOn":
					s.Finished = r.time()
				}
			})
		}
	})
}
