package predicate

import (
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// Limits bound one predicate. Zero fields have the defaults.
type Limits struct {
	Bytes int // 64 MiB by default: traces of builds have some
	Items int // of one list: 262,144 by default, the files that a build reads
}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Items <= 0 {
		l.Items = 1 << 18
	}
	return l
}

// Predicate is one of *Provenance, *Summary, *Scan, *Attributes, *TestResult,
// *Release, *Trace and Unknown.
type Predicate interface{ predicate() }

// Unknown is a predicate of a type that is not read: its bytes.
type Unknown []byte

func (Unknown) predicate()     {}
func (*Provenance) predicate() {}
func (*Summary) predicate()    {}
func (*Scan) predicate()       {}
func (*Attributes) predicate() {}
func (*TestResult) predicate() {}
func (*Release) predicate()    {}
func (*Trace) predicate()      {}

// reading is one predicate being read.
type reading struct {
	*jsonscan.Reader
	lim Limits
	err error // of what is read, beside what is wrong with the JSON
}

// Read reads a predicate of a type. Members that are not known are passed over, as the
// framework's parsing rules ask; one that occurs twice, or has a value of another kind
// than its type says, is an error of KindInvalid, as is a predicate without what its
// specification requires. Beyond the limits it is of KindLimit.
func Read(predicateType string, raw []byte, lim Limits) (Predicate, error) {
	lim = lim.filled()
	if len(raw) > lim.Bytes {
		return nil, ident.Errorf(ident.KindLimit, "the predicate has %d bytes, more than %d", len(raw), lim.Bytes)
	}
	var out Predicate
	var read func(*reading)
	var lacks func() string
	switch {
	case predicateType == "https://slsa.dev/provenance/v1":
		p := &Provenance{Version: "v1"}
		out, read, lacks = p, p.readV1, p.lacks
	case predicateType == "https://slsa.dev/provenance/v0.2":
		p := &Provenance{Version: "v0.2"}
		out, read, lacks = p, p.readV02, p.lacks
	case predicateType == SummaryType:
		p := &Summary{}
		out, read, lacks = p, p.read, p.lacks
	case predicateType == provenance.CosignVuln:
		p := &Scan{}
		out, read, lacks = p, p.read, p.lacks
	case versioned(predicateType, "https://in-toto.io/attestation/scai", "v0.3"), versioned(predicateType, "https://in-toto.io/attestation/scai/attribute-report", "v0.2"):
		p := &Attributes{}
		out, read, lacks = p, p.read, p.lacks
	case versioned(predicateType, "https://in-toto.io/attestation/test-result", "v0.1"):
		p := &TestResult{}
		out, read, lacks = p, p.read, p.lacks
	case versioned(predicateType, "https://in-toto.io/attestation/release", "v0.1", "v0.2"):
		p := &Release{}
		out, read, lacks = p, p.read, p.lacks
	case versioned(predicateType, "https://in-toto.io/attestation/runtime-trace", "v0.1", "v0.2"):
		p := &Trace{}
		out, read, lacks = p, p.read, p.lacks
	default:
		return Unknown(raw), nil
	}
	r := &reading{Reader: jsonscan.New(raw, jsonscan.Options{StrictSkip: true}), lim: lim}
	if read(r); r.err != nil { // what comes after it is of its making
		return nil, r.err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if l := lacks(); l != "" {
		return nil, ident.Errorf(ident.KindInvalid, "the predicate of type %.120q has no %s, which its specification requires", predicateType, l)
	}
	return out, nil
}

func versioned(predicateType, base string, versions ...string) bool {
	rest, ok := strings.CutPrefix(predicateType, base+"/")
	return ok && slices.Contains(versions, rest)
}

// members reads an object, and calls each at every member's value; what each does not
// read is passed over.
func (r *reading) members(each func(name string)) {
	if !r.RequireObject() { // null, too
		return
	}
	for name, ok := r.NextKey(); ok && r.err == nil; name, ok = r.NextKey() {
		each(string(name))
	}
}

// items reads an array in the same way.
func (r *reading) items(each func()) {
	if !r.RequireArray() {
		return
	}
	for n := 0; r.err == nil && r.NextItem(); n++ {
		if n == r.lim.Items {
			r.err = ident.Errorf(ident.KindLimit, "a list of the predicate has more than %d items", r.lim.Items)
			return
		}
		each()
	}
}

func (r *reading) text() string { return r.RequireString() }

func (r *reading) texts() (out []string) {
	r.items(func() { out = append(out, r.text()) })
	return out
}

func (r *reading) time() time.Time {
	return r.Time(func(pointer, message string) {
		r.err = ident.Errorf(ident.KindInvalid, "%s of the predicate is %s", pointer, message)
	})
}

// raw is a value as it stands; nil for null.
func (r *reading) raw() []byte {
	if !r.there() {
		r.Skip()
		return nil
	}
	return r.Raw()
}

// flag reads true or false; nil for null.
func (r *reading) flag() *bool {
	if !r.there() {
		r.Skip()
		return nil
	}
	b := r.Bool()
	return &b
}

// Resource is an artifact as a statement describes it (in-toto attestation framework
// v1, resource descriptor; a material of SLSA v0.2 is one, too).
type Resource struct {
	Name             string
	URI              string
	Digests          []provenance.Hash // in the order in which they stand
	MediaType        string
	DownloadLocation string
	Annotations      []byte // JSON; nil if there are none
}

// Digest returns the digest of an algorithm, "" if there is none.
func (x *Resource) Digest(algorithm string) string {
	for _, h := range x.Digests {
		if h.Algorithm == algorithm {
			return h.Value
		}
	}
	return ""
}

// Label names a resource as shortly as it can be named.
func (x *Resource) Label() string {
	switch {
	case x.URI != "":
		return x.URI
	case x.Name != "":
		return x.Name
	case x.DownloadLocation != "":
		return x.DownloadLocation
	case len(x.Digests) > 0:
		return x.Digests[0].Algorithm + ":" + x.Digests[0].Value
	}
	return "(a resource without a name)"
}

// maxDigests bounds the algorithms of one resource; statements have one or two.
const maxDigests = 16

func (r *reading) resource() (x Resource) {
	r.members(func(name string) {
		switch name {
		case "name":
			x.Name = r.text()
		case "uri":
			x.URI = r.text()
		case "digest":
			x.Digests = r.digests()
		case "mediaType":
			x.MediaType = r.text()
		case "downloadLocation":
			x.DownloadLocation = r.text()
		case "annotations":
			x.Annotations = r.raw()
		}
	})
	return x
}

func (r *reading) digests() (out []provenance.Hash) {
	r.members(func(algorithm string) {
		if len(out) == maxDigests {
			r.err = ident.Errorf(ident.KindLimit, "a resource of the predicate has more than %d digests", maxDigests)
			return
		}
		out = append(out, provenance.Hash{Algorithm: algorithm, Value: r.text()})
	})
	return out
}

// optional reads a resource; nil for null.
func (r *reading) optional() *Resource {
	if !r.there() {
		r.Skip()
		return nil
	}
	x := r.resource()
	return &x
}

// there reports whether the value that is due is not null.
func (r *reading) there() bool { return r.Kind() != jsonscan.Null }

// number reports whether the value that is due is one.
func (r *reading) number() bool { return r.Kind() == jsonscan.Number }

func (r *reading) resources() (out []Resource) {
	r.items(func() { out = append(out, r.resource()) })
	return out
}
