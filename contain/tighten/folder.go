package tighten

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

const (
	applyDir  = "apply/"
	planFile  = "plan.json"
	proofFile = "proof.json"
)

// Folder writes the proposal as files, sorted by name: plan.json, change.diff (the
// sources edited, as git apply takes it), apply/ with whole objects, remove.txt
// with what is deleted after they are applied, remove-last.txt with what goes in the
// last stage, and proof.json (Certificate). The same plan is the same bytes.
func (p *Plan) Folder() ([]contain.File, error) {
	var out []contain.File
	resources := []string{}
	var removed, last []string
	for _, o := range p.objects {
		if o.removed {
			removed = append(removed, removal(o.ref))
			continue
		}
		out = append(out, contain.File{Name: o.file(), Data: o.text})
		resources = append(resources, strings.TrimPrefix(o.file(), applyDir))
	}
	for _, st := range p.Stages {
		if st.Namespace == "" {
			last = append(last, st.Remove...)
		}
	}
	slices.Sort(resources)
	kustomization, err := yaml.Marshal(map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources})
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write the kustomization: %w", err)
	}
	plan, err := contain.Indented(p)
	if err != nil {
		return nil, err
	}
	diff, err := p.diff()
	if err != nil {
		return nil, err
	}
	out = append(out, contain.File{Name: applyDir + "kustomization.yaml", Data: kustomization}, contain.File{Name: planFile, Data: plan},
		contain.File{Name: "change.diff", Data: diff}, contain.File{Name: "remove.txt", Data: lines(removed)}, contain.File{Name: "remove-last.txt", Data: lines(last)})
	if err := p.Certificate.Inputs.Of(p.graph.Model(), p.estate); err != nil {
		return nil, err
	}
	proof, err := contain.Bind(out, p.Certificate, &p.Certificate.Inputs)
	if err != nil {
		return nil, err
	}
	out = append(out, proof)
	slices.SortFunc(out, func(a, b contain.File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func lines(ls []string) []byte {
	if len(ls) == 0 {
		return []byte{}
	}
	slices.Sort(ls)
	return []byte(strings.Join(ls, "\n") + "\n")
}

// diff is the change as text for a review. Objects of one file are changed from the
// last to the first, so that the places of those before stay true.
func (p *Plan) diff() ([]byte, error) {
	var out []byte
	byFile := make(map[string][]*object)
	var files []string
	for _, o := range p.objects {
		switch {
		case o.was == nil:
			out = append(out, patch.Diff("/dev/null", nil, o.file(), o.text)...)
		case o.removed && p.text != nil && !o.was.Dumped, o.edit != nil:
			name := o.was.Source.File
			if byFile[name] == nil {
				files = append(files, name)
			}
			byFile[name] = append(byFile[name], o)
		}
	}
	slices.Sort(files)
	for _, name := range files {
		file, err := p.text(name)
		if err != nil {
			return nil, ident.Errorf(ident.KindFailure, "its source cannot be read again: %w", err).At(name)
		}
		now := file
		objects := byFile[name]
		slices.SortFunc(objects, func(a, b *object) int { return cmp.Compare(b.was.Source.Start, a.was.Source.Start) })
		for _, o := range objects {
			if !o.removed {
				if now, err = patch.File(now, o.was.Source, o.edit.Want); err != nil {
					return nil, err
				}
			} else if rest, why := cutDocument(now, o.was.Source); why == "" {
				now = rest
			}
		}
		short := strings.TrimLeft(strings.ReplaceAll(name, "../", ""), "/")
		if after := short; len(bytes.TrimSpace(now)) == 0 {
			after = "/dev/null"
			out = append(out, patch.Diff(short, file, after, nil)...)
		} else {
			out = append(out, patch.Diff(short, file, after, now)...)
		}
	}
	return out, nil
}

// withoutObject says why the source of a policy cannot lose it; "" if it can.
func (s *solver) withoutObject(p *estate.Policy) ([]byte, string) {
	file, why := s.file(p)
	if why != "" {
		return nil, why
	}
	return cutDocument(file, p.Source)
}

// cutDocument takes the YAML document of an object out of a stream, with the
// comments in it and the marker before it.
func cutDocument(file []byte, at estate.Source) (rest []byte, why string) {
	start, end := int(at.Start), int(at.End)
	switch {
	case at.Item >= 0:
		return nil, "it is an item of a list, which is left whole: delete it there by hand"
	case at.Start < 0 || start > end || end > len(file):
		return nil, "its source has changed since it was read"
	case bytes.HasPrefix(bytes.TrimSpace(file[start:end]), []byte("{")):
		return nil, "it is written as JSON: delete it there by hand"
	}
	from, to := 0, len(file)
	for pos := 0; pos < len(file); {
		next := len(file)
		if i := bytes.IndexByte(file[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		if marker := bytes.HasPrefix(file[pos:], []byte("---")) && (len(file) == pos+3 || strings.ContainsRune(" \t\r\n", rune(file[pos+3]))); marker {
			switch {
			case pos <= start:
				from = pos
			case pos < to:
				to = pos
			}
		}
		pos = next
	}
	rest = append(slices.Clone(file[:from]), file[to:]...)
	if from == 0 { // the next document is the first now, and needs no marker
		if trimmed, ok := bytes.CutPrefix(rest, []byte("---\n")); ok {
			rest = trimmed
		}
	}
	return rest, ""
}
