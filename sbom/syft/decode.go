package syft

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Options limit what a document may hold.
type Options = sbom.Limits

// Decode reads one document of syft's schema, versions 1 to 16, in one pass.
// Names of members are matched as they are written. A name that occurs twice in
// one object, anywhere in the document, is an error, and so is a value of
// another type than the schema's among those that are read. Errors are
// *ident.Error, below a *jsonscan.SyntaxError with the JSON pointer where a
// value is at fault, or the context's.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	if err := o.Admit(data); err != nil {
		return nil, err
	}
	d := decoder{
		ctx: ctx, maxComponents: o.MaxComponents, ids: map[string]int32{},
		r:   jsonscan.New(data, jsonscan.Options{StrictSkip: true}),
		doc: &sbom.Document{Format: sbom.Syft, Encoding: sbom.JSON, Digest: o.Digest, Size: int64(len(data))},
	}
	if err := d.document(); err != nil {
		return nil, err
	}
	if d.doc.Digest.IsZero() {
		d.doc.Digest = ident.SHA256(data)
	}
	return d.doc, nil
}

// decoder reads the members of a document in whatever order they stand.
type decoder struct {
	ctx           context.Context
	maxComponents int
	r             *jsonscan.Reader
	doc           *sbom.Document
	ids           map[string]int32 // of an artifact → its component
	listed        bool             // the list of artifacts has been read
	err           error            // a limit was met or the context ended
}

func (d *decoder) document() error {
	r := d.r
	var late *jsonscan.Reader // relationships that stand before the artifacts
	var src source
	var os distro
	tool := sbom.Tool{Vendor: "anchore"}
	if r.Object() {
		for key, ok := r.NextKey(); ok && d.err == nil; key, ok = r.NextKey() {
			switch string(key) {
			case "artifacts":
				d.artifacts()
			case "artifactRelationships":
				if d.listed {
					d.relationships(r)
				} else {
					late = r.Defer()
				}
			case "source":
				src = readSource(r)
			case "distro":
				os = readDistro(r)
			case "descriptor":
				tool.Name, tool.Version = nameAndVersion(r)
			case "schema":
				_, d.doc.SpecVersion = nameAndVersion(r)
			}
		}
	}
	if d.err != nil {
		return d.err
	}
	if err := r.End(); err != nil {
		return err
	}
	if !d.listed {
		return ident.Errorf(ident.KindInvalid, "holds no list of artifacts, so what the image holds is not known")
	}
	if late != nil {
		d.relationships(late)
		if err := late.Err(); err != nil {
			return err
		}
	}
	d.doc.Name, d.doc.Tools = src.name, []sbom.Tool{tool}
	d.doc.Subject.OS = os.release()
	if d.err == nil {
		d.err = src.subject(&d.doc.Subject)
	}
	return d.err
}

// nameAndVersion reads what the members name and version of an object say.
func nameAndVersion(r *jsonscan.Reader) (name, version string) {
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "name":
				name = r.String()
			case "version":
				version = r.String()
			}
		}
	}
	return name, version
}

// alive reports whether to go on; it looks at the context now and then.
func (d *decoder) alive(n int) bool {
	if d.err == nil && n%1024 == 0 {
		d.err = d.ctx.Err()
	}
	return d.err == nil
}

// relationships keeps what is said between artifacts: others are of files, and
// of the source itself. Nothing is allocated for those.
func (d *decoder) relationships(r *jsonscan.Reader) {
	if !r.Array() {
		return
	}
	for n := 0; r.NextItem() && d.alive(n); n++ {
		var parent, child int32
		var fromArtifact, toArtifact bool
		verb := unrelated
		if !r.Object() {
			continue
		}
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "parent":
				parent, fromArtifact = d.ids[string(r.Bytes())]
			case "child":
				child, toArtifact = d.ids[string(r.Bytes())]
			case "type":
				verb = verbOf(r.Bytes())
			}
		}
		if !fromArtifact || !toArtifact {
			continue
		}
		switch verb {
		case dependencyOf:
			d.doc.Dependencies = append(d.doc.Dependencies, sbom.Dependency{From: child, To: parent})
		case contains:
			d.doc.Dependencies = append(d.doc.Dependencies, sbom.Dependency{From: parent, To: child, Kind: sbom.Contains})
		}
	}
}

// verb is what a relationship says of its parent and child.
type verb uint8

const (
	unrelated    verb = iota
	dependencyOf      // the parent is a dependency of the child
	contains
)

func verbOf(name []byte) verb {
	switch string(name) {
	case "dependency-of":
		return dependencyOf
	case "contains", "ownership-by-file-overlap":
		return contains
	}
	return unrelated
}
