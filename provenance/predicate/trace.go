package predicate

import "time"

// Trace is what a monitor saw of a process, a build as a rule (in-toto runtime trace
// v0.1 and v0.2).
type Trace struct {
	Monitor       string // its type, a URI
	Configuration *Resource
	Policy        []byte // JSON, in the monitor's own form
	Host          string // identity of the platform, a URI
	ProcessType   string
	Event         string   // the job that was watched
	Processes     [][]byte // JSON, in the monitor's own form
	// Network is what was connected to, and NetworkLogged is false where the monitor
	// logs none: an empty list and none are two things.
	Network           []Connection
	NetworkLogged     bool
	Files             []Resource
	Started, Finished time.Time
}

// Connection is one connection that was seen. Members that the monitor does not say
// are empty.
type Connection struct {
	IP, Hostname, Protocol string
	Port                   int64
}

func (t *Trace) lacks() string {
	switch {
	case t.Monitor == "":
		return "monitor.type"
	case t.Host == "" && t.Event == "":
		return "monitoredProcess"
	}
	return ""
}

func (t *Trace) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "monitor":
			r.members(func(name string) {
				switch name {
				case "type":
					t.Monitor = r.text()
				case "configSource":
					t.Configuration = r.optional()
				case "tracePolicy":
					t.Policy = r.raw()
				}
			})
		case "monitoredProcess":
			r.members(func(name string) {
				switch name {
				case "hostID":
					t.Host = r.text()
				case "type":
					t.ProcessType = r.text()
				case "event":
					t.Event = r.text()
				}
			})
		case "monitorLog":
			t.readLog(r)
		case "metadata":
			r.members(func(name string) {
				switch name {
				case "buildStartedOn":
					t.Started = r.time()
				case "buildFinishedOn":
					t.Finished = r.time()
				}
			})
		}
	})
}

func (t *Trace) readLog(r *reading) {
	r.members(func(name string) {
		switch name {
		case "process":
			r.items(func() { t.Processes = append(t.Processes, r.raw()) })
		case "network":
			t.NetworkLogged = r.there()
			r.items(func() { t.Network = append(t.Network, r.connection()) })
		case "fileAccess":
			t.Files = r.resources()
		}
	})
}

// connection reads one; in v0.1 its form was up to the monitor.
func (r *reading) connection() (c Connection) {
	r.members(func(name string) {
		switch name {
		case "ip":
			c.IP, _ = r.TryString()
		case "hostname":
			c.Hostname, _ = r.TryString()
		case "protocol":
			c.Protocol, _ = r.TryString()
		case "port":
			if r.number() {
				c.Port = r.Int()
			}
		}
	})
	return c
}
