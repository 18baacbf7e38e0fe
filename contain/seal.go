package contain

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Inputs are the digests of what a plan was made from and of what its folder holds.
type Inputs struct {
	// Estate covers what bears on reachability: not formatting, status, or versions.
	Estate ident.Digest `json:"estate"`
	// Policies are those that were read, by name.
	Policies []PolicyDigest `json:"policies"`
	Plan     ident.Digest   `json:"plan"`  // of plan.json
	Files    []FileDigest   `json:"files"` // of every other file of the folder but proof.json
	// Proof is that of proof.json itself, with sixty-four zeros where it stands.
	Proof ident.Digest `json:"proof"`
}

// PolicyDigest is the digest of a policy's canonical specification.
type PolicyDigest struct {
	Object string       `json:"object"`
	Digest ident.Digest `json:"digest"`
}

// FileDigest is the digest of a file of the plan's folder.
type FileDigest struct {
	File   string       `json:"file"`
	Digest ident.Digest `json:"digest"`
}

// maxPlanBytes bounds plan.json and proof.json, which come from wherever a folder
// was carried to.
const maxPlanBytes = 256 << 20

// blank stands for the digest of a text in the text that it is of.
var blank = "sha256:" + strings.Repeat("0", 64)

// Bind writes proof.json for the other files of a folder: in is the part of proof
// that holds digests, and gets theirs. The whole is then bound to itself, so that
// a change of any byte of the folder is seen. That tells accident from change, and
// no more: who can write the folder can bind it anew, and what a plan does is
// proved by proving it again.
func Bind(files []File, proof any, in *Inputs) (File, error) {
	in.Files = []FileDigest{}
	for _, f := range files {
		if f.Name == planFile {
			in.Plan = ident.SHA256(f.Data)
			continue
		}
		in.Files = append(in.Files, FileDigest{f.Name, ident.SHA256(f.Data)})
	}
	slices.SortFunc(in.Files, func(a, b FileDigest) int { return strings.Compare(a.File, b.File) })
	var err error
	if in.Proof, err = ident.ParseDigest(blank); err != nil {
		return File{}, err
	}
	text, err := Indented(proof)
	if err != nil {
		return File{}, err
	}
	if in.Proof = ident.SHA256(text); bytes.Count(text, []byte(blank)) != 1 {
		return File{}, ident.Errorf(ident.KindFailure, "the proof holds the digest that stands for its own elsewhere, too")
	}
	return File{proofFile, bytes.Replace(text, []byte(blank), []byte(in.Proof.String()), 1)}, nil
}

// Changed says which files of a folder are not those that were bound.
func (in *Inputs) Changed(folder []File) []string {
	var faults []string
	byName := make(map[string][]byte, len(folder))
	for _, f := range folder {
		byName[f.Name] = f.Data
	}
	if proof := byName[proofFile]; in.Proof.IsZero() || bytes.Count(proof, []byte(in.Proof.String())) != 1 ||
		ident.SHA256(bytes.Replace(proof, []byte(in.Proof.String()), []byte(blank), 1)) != in.Proof {
		faults = append(faults, proofFile+" was changed")
	}
	if ident.SHA256(byName[planFile]) != in.Plan {
		faults = append(faults, planFile+" is not the one that was proved")
	}
	known := make(map[string]bool)
	for _, f := range in.Files {
		known[f.File] = true
		if data, ok := byName[f.File]; !ok {
			faults = append(faults, f.File+" is missing")
		} else if ident.SHA256(data) != f.Digest {
			faults = append(faults, f.File+" was changed")
		}
	}
	for _, f := range folder {
		if (strings.HasPrefix(f.Name, applyDir) || strings.HasPrefix(f.Name, labelsDir)) && !known[f.Name] {
			faults = append(faults, f.Name+" is no part of the plan")
		}
	}
	return faults
}

// Of binds to an estate: the model that a graph was built from, and the policies
// that were read, none without an estate.
func (in *Inputs) Of(m *segment.Model, e *estate.Estate) (err error) {
	in.Policies = policyDigests(e)
	in.Estate, err = EstateDigest(m)
	return err
}

// Stale says in what an estate is not the one that was bound, whose network was
// enforcement.
func (in *Inputs) Stale(g *segment.Graph, e *estate.Estate, enforcement string) ([]string, error) {
	digest, err := EstateDigest(g.Model())
	if err != nil || digest == in.Estate {
		return nil, err
	}
	faults := []string{"the estate is not the one that the plan was made for: " + changedPolicies(in.Policies, policyDigests(e))}
	if is := g.Enforcement(); is != enforcement {
		faults = append(faults, "the network is "+is+", and was "+enforcement+" when the plan was made")
	}
	return faults, nil
}

// Read decodes a file of a folder that a plan was carried in, strictly: what this
// program did not write is refused.
func Read(folder []File, name string, into any) error {
	i := slices.IndexFunc(folder, func(f File) bool { return f.Name == name })
	if i < 0 {
		return ident.Errorf(ident.KindRefused, "the folder has no %s, so it is no plan", name).WithHint("cofferdam contain QUERY … --out DIR writes one")
	}
	data := folder[i].Data
	if len(data) > maxPlanBytes {
		return ident.Errorf(ident.KindLimit, "has %d bytes, more than %d", len(data), maxPlanBytes).At(name)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return ident.Errorf(ident.KindRefused, "cannot be read: %v", err).At(name)
	}
	if d.More() {
		return ident.Errorf(ident.KindRefused, "holds more than one value").At(name)
	}
	return nil
}

// Indented writes a plan or a proof as JSON, as its folder has it.
func Indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write the plan: %w", err)
	}
	return b.Bytes(), nil
}
