package flow

import (
	"bytes"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Format is one of the published formats of flow records.
type Format uint8

// The formats. docs/flows.md says of each what is read and what it means.
const (
	Auto      Format = iota // told by content
	Hubble                  // Cilium's Hubble: flows as JSON, one a line
	Envoy                   // access logs of Envoy and Istio: Istio's default text, or JSON
	AWS                     // AWS VPC flow logs as text, or Parquet
	GCP                     // Google Cloud VPC flow logs as JSON
	Conntrack               // conntrack -L, conntrack -E, /proc/net/nf_conntrack
	CSV                     // our own, with a line of headings
	NDJSON                  // our own, one JSON object a line
)

var formatNames = [...]string{"auto", "hubble", "envoy", "aws", "gcp", "conntrack", "csv", "ndjson"}

// String returns the name that ParseFormat reads.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return formatNames[Auto]
}

// MarshalText writes String.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// ParseFormat reads the name of a format; "" is Auto.
func ParseFormat(s string) (Format, error) {
	if s == "" {
		return Auto, nil
	}
	for i, n := range formatNames {
		if s == n {
			return Format(i), nil //nolint:gosec // eight names
		}
	}
	return Auto, ident.Errorf(ident.KindUsage, "%.24q is no flow format", s).
		WithHint("auto, hubble, envoy, aws, gcp, conntrack, csv or ndjson")
}

func (f Format) parser() lineParser {
	switch f {
	case Hubble:
		return newHubble()
	case Envoy:
		return newEnvoy()
	case AWS:
		return newAWS()
	case GCP:
		return newGCP()
	case Conntrack:
		return &conntrackParser{}
	case CSV:
		return &csvParser{}
	case NDJSON:
		return newNDJSON()
	}
	return nil
}

func (f Format) json() bool { return f == Hubble || f == GCP || f == NDJSON || f == Envoy }

// detectBytes is how much of an input its format is told from, and detectLines
// how many lines of it: the first ones may be cut, or somebody's remarks.
const (
	detectBytes = 64 << 10
	detectLines = 50
)

// detect tells the format of an input that begins with head, or returns Auto.
func detect(head []byte) Format {
	rest := head
	for range detectLines {
		line, after, more := bytes.Cut(rest, []byte{'\n'})
		if line = trim(line); len(line) > 0 {
			if f := detectLine(line, rest); f != Auto {
				return f
			}
		}
		if !more {
			break
		}
		rest = after
	}
	return Auto
}

func detectLine(line, rest []byte) Format {
	has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
	switch c := line[0]; {
	case c == '{' || c == '[' && (len(line) == 1 || line[1] == '{' || line[1] == ' '):
		if f := detectJSON(line); f != Auto {
			return f
		}
		if conntrackLike(line) {
			return Conntrack
		}
		return detectJSON(rest)
	case conntrackLike(line):
		return Conntrack
	case c == '[' && has("] \"") && startTime(line) > 0:
		return Envoy
	case awsHeader(line) || awsDefault(line):
		return AWS
	case csvHeader(line):
		return CSV
	}
	return Auto
}

// detectJSON looks for names that one format has and the others have not.
func detectJSON(b []byte) Format {
	for _, x := range []struct {
		names []string
		f     Format
	}{
		{[]string{`"downstream_remote_address"`, `"upstream_host"`}, Envoy},
		{[]string{`"is_reply"`, `"verdict"`, `"node_status"`, `"lost_events"`, `"traffic_direction"`, `"agent_event"`}, Hubble},
		{[]string{`"src_ip"`, `"jsonPayload"`}, GCP},
	} {
		for _, n := range x.names {
			if at := bytes.Index(b, []byte(n)); at >= 0 && isKey(b[at+len(n):]) {
				return x.f
			}
		}
	}
	if bytes.Contains(b, []byte(`"src"`)) && bytes.Contains(b, []byte(`"dst"`)) {
		return NDJSON
	}
	return Auto
}

func isKey(after []byte) bool {
	after = bytes.TrimLeft(after, " \t\r\n")
	return len(after) > 0 && after[0] == ':'
}

// inValues reports whether JSON is an array, or laid out over several lines.
func inValues(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 {
		return false
	}
	line, _, more := bytes.Cut(head, []byte{'\n'})
	line = trim(line)
	if head[0] == '[' {
		rest := bytes.TrimLeft(head[1:], " \t\r\n")
		return len(rest) > 0 && (rest[0] == '{' || rest[0] == ']')
	}
	return more && len(line) == 1 // one brace alone: a line that was cut is a fault of its own
}

func unsupported(name string) error {
	e := ident.Errorf(ident.KindUnsupported, "holds no flow records of a format that is known").At(name)
	return e.WithHint("hubble, envoy, aws, gcp, conntrack, csv and ndjson are known; docs/flows.md shows them")
}
