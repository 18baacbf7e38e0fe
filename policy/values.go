package policy

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// The shapes that expressions see, and docs/policies.md describes.
var (
	texts    = types.NewMapType(types.StringType, types.StringType)
	textList = types.NewListType(types.StringType)

	imageShape = newShape("Image", shapeField{"reference", types.StringType}, shapeField{"registry", types.StringType}, shapeField{"repository", types.StringType},
		shapeField{"tag", types.StringType}, shapeField{"digests", textList})
	signerShape = newShape("Signer", shapeField{"issuer", types.StringType}, shapeField{"subject", types.StringType}, shapeField{"key", types.StringType}, shapeField{"extensions", texts})
	factShape   = newShape("Fact", shapeField{"claim", types.StringType}, shapeField{"predicateType", types.StringType}, shapeField{"predicate", types.DynType},
		shapeField{"signer", signerShape.typ}, shapeField{"timed", types.BoolType}, shapeField{"time", types.TimestampType}, shapeField{"logged", types.BoolType}, shapeField{"trust", types.StringType})
	findingShape = newShape("Finding", shapeField{"id", types.StringType}, shapeField{"aliases", textList}, shapeField{"component", types.StringType}, shapeField{"severity", types.StringType},
		shapeField{"score", types.DoubleType}, shapeField{"epss", types.DoubleType}, shapeField{"kev", types.BoolType}, shapeField{"fixable", types.BoolType},
		shapeField{"vex", types.StringType}, shapeField{"excepted", types.BoolType}, shapeField{"since", types.TimestampType}, shapeField{"accepted", types.BoolType})
	sbomShape = newShape("SBOM", shapeField{"format", types.StringType}, shapeField{"version", types.StringType}, shapeField{"components", types.IntType}, shapeField{"licenses", textList},
		shapeField{"score", types.IntType}, shapeField{"verified", types.BoolType})
	provenanceShape = newShape("Provenance", shapeField{"level", types.IntType}, shapeField{"builder", types.StringType}, shapeField{"sourceLevel", types.IntType},
		shapeField{"repository", types.StringType}, shapeField{"ref", types.StringType}, shapeField{"commit", types.StringType}, shapeField{"confirmed", types.StringType},
		shapeField{"inputs", types.IntType}, shapeField{"pinned", types.IntType}, shapeField{"pinnedRatio", types.DoubleType}, shapeField{"complete", types.StringType},
		shapeField{"hermetic", types.StringType}, shapeField{"isolated", types.StringType}, shapeField{"sbom", types.StringType})
	workloadShape = newShape("Workload", shapeField{"cluster", types.StringType}, shapeField{"kind", types.StringType}, shapeField{"namespace", types.StringType}, shapeField{"name", types.StringType},
		shapeField{"labels", texts}, shapeField{"namespaceLabels", texts})
)

func shapes() map[string]*shape {
	out := map[string]*shape{}
	for _, s := range []*shape{imageShape, signerShape, factShape, findingShape, sbomShape, provenanceShape, workloadShape} {
		out[s.typ.TypeName()] = s
	}
	return out
}

var natives = adapter{types.DefaultTypeAdapter}

func list[T ref.Val](vs []T) ref.Val {
	out := make([]ref.Val, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return types.NewRefValList(natives, out)
}

func stringsOf(ss []string) ref.Val { return types.NewStringList(natives, ss) }

func textMap(m map[string]string) ref.Val { return types.NewStringStringMap(natives, m) }

// imageValues are the variables of an image: the same for every policy.
func imageValues(p *Prepared) (map[string]any, error) {
	digests := make([]string, len(p.Digests))
	for i, d := range p.Digests {
		digests[i] = d.String()
	}
	facts := make([]*object, len(p.Facts))
	for i, f := range p.Facts {
		o, err := factValue(f)
		if err != nil {
			return nil, err
		}
		facts[i] = o
	}
	sboms := make([]*object, len(p.SBOMs))
	for i, s := range p.SBOMs {
		sboms[i] = sbomShape.of(types.String(s.Format), types.String(s.Version), types.Int(s.Components), stringsOf(s.Licenses), types.Int(s.Score), types.Bool(s.Verified))
	}
	values := map[string]any{
		"image": imageShape.of(types.String(p.Reference), types.String(p.Image.Registry), types.String(p.Image.Repository), types.String(p.Image.Tag), stringsOf(digests)),
		"facts": list(facts),
		"sboms": list(sboms),
	}
	if x := p.Provenance; x != nil {
		ratio := 0.0 // of a build that names no input nothing is known to be pinned
		if x.Inputs > 0 {
			ratio = float64(x.Pinned) / float64(x.Inputs)
		}
		values["provenance"] = provenanceShape.of(types.Int(x.Level), types.String(x.Builder), types.Int(x.SourceLevel), types.String(x.Repository), types.String(x.Ref), types.String(x.Commit),
			types.String(x.Confirmed), types.Int(x.Inputs), types.Int(x.Pinned), types.Double(ratio), types.String(x.Complete), types.String(x.Hermetic), types.String(x.Isolated), types.String(x.SBOM))
	} else {
		values["provenance"] = types.NewErr("what the provenance is worth is not known: nobody assessed it")
	}
	if p.Scanned {
		values["findings"] = p.findingList(nil)
	} else {
		values["findings"] = types.NewErr("findings are not known: the image was not scanned")
	}
	return values, nil
}

// findingList makes the findings; excepted, where given, says which have an exception.
func (p *Prepared) findingList(excepted func(Finding) bool) ref.Val {
	out := make([]*object, len(p.Findings))
	for i, f := range p.Findings {
		vex := f.VEX
		if vex == "" {
			vex = "none"
		}
		out[i] = findingShape.of(types.String(f.ID), stringsOf(f.Aliases), types.String(f.Component), types.String(f.Severity.String()), known(f.Score != 0, types.Double(f.Score), "the score of %s", f.ID),
			likelihood(&f), known(f.KEV || !p.NoKEV, types.Bool(f.KEV), "whether %s is exploited", f.ID), types.Bool(f.Fixable), types.String(vex), types.Bool(excepted != nil && excepted(f)),
			knownSince(&f), types.Bool(f.Accepted))
	}
	return list(out)
}

// known is a value, or where it is not known an error: CEL's logic keeps it unless the other
// side decides, and has() is false.
func known(is bool, v ref.Val, format string, args ...any) ref.Val {
	if is {
		return v
	}
	return types.NewErr(format+" is not known", args...)
}

func knownSince(f *Finding) ref.Val {
	since, is := f.Known.Since()
	return known(is, types.Timestamp{Time: since}, "since when %s is known", f.ID)
}

func likelihood(f *Finding) ref.Val {
	if f.EPSS == nil {
		return known(false, nil, "the EPSS of %s", f.ID)
	}
	return types.Double(*f.EPSS)
}

func factValue(f fact.Fact) (*object, error) {
	var predicate any
	if len(f.Predicate) > 0 {
		d := json.NewDecoder(bytes.NewReader(f.Predicate))
		if err := d.Decode(&predicate); err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "the predicate of %s: %w", f.PredicateType, err)
		}
	}
	signer := signerShape.of(types.String(""), types.String(""), types.String(""), textMap(nil))
	switch {
	case f.Signer.Certificate != nil:
		c := f.Signer.Certificate
		signer = signerShape.of(types.String(c.Issuer), types.String(c.Subject), types.String(""), textMap(c.Extensions))
	case f.Signer.X509 != nil:
		x := f.Signer.X509
		var understood map[string]string
		if x.Plugin != nil {
			understood = x.Plugin.Attributes
		}
		signer = signerShape.of(types.String(x.Issuer()), types.String(x.Subject), types.String(""), textMap(understood))
	case f.Signer.Key != nil:
		signer = signerShape.of(types.String(""), types.String(""), types.String(f.Signer.Key.ID.String()), textMap(nil))
	}
	at, timed := signedAt(f)
	return factShape.of(types.String(f.Claim), types.String(f.PredicateType), natives.NativeToValue(predicate), signer,
		types.Bool(timed), types.Timestamp{Time: at}, types.Bool(len(f.Log) > 0), types.String(f.Trust.String())), nil
}

func contextValues(c *Context) map[string]any {
	word := func(s, what string) ref.Val { return known(s != "", types.String(s), "the %s", what) }
	labels := func(m map[string]string, whose string) ref.Val {
		return known(m != nil, textMap(m), "what labels the %s has", whose)
	}
	return map[string]any{
		"now": types.Timestamp{Time: c.At},
		"workload": workloadShape.of(word(c.Workload.Cluster, "cluster"), word(c.Workload.Kind, "workload's kind"), word(c.Namespace.Name, "namespace"), word(c.Workload.Name, "workload's name"),
			labels(c.Workload.Labels, "workload"), labels(c.Namespace.Labels, "namespace")),
	}
}

// predicateIs reports whether a type of predicate is the wanted one, in any version
// where the wanted one names none: https://slsa.dev/provenance is also …/v1.
func predicateIs(got, want string) bool {
	rest, ok := strings.CutPrefix(got, want)
	return ok && (rest == "" || strings.HasPrefix(rest, "/"))
}
