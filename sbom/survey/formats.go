package survey

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// read lists members that are read whole.
func read(names ...string) *node {
	n := &node{members: map[string]*node{}}
	for _, name := range names {
		n.members[name] = nil
	}
	return n
}

func (n *node) with(name string, child *node) *node {
	n.members[name] = child
	return n
}

var cyclonedx = func() *node {
	component := read("bom-ref", "type", "group", "name", "version", "purl", "cpe", "scope", "publisher", "author", "hashes")
	component.with("supplier", read("name")).
		with("licenses", read("expression", "acknowledgement", "bom-ref").with("license", read("id", "name", "acknowledgement", "bom-ref"))).
		with("evidence", read().with("occurrences", read("location", "bom-ref"))).
		with("properties", &node{judge: properties}).
		with("components", component)
	tool := read("vendor", "author", "group", "name", "version", "type", "bom-ref")
	return read("$schema", "bomFormat", "specVersion", "serialNumber", "version").
		with("metadata", read("timestamp").
			with("tools", read("vendor", "name", "version").with("components", tool).with("services", tool)).
			with("authors", read("name")).
			with("manufacturer", read("name")).
			with("lifecycles", read("phase", "name")).
			with("properties", &node{judge: properties}).
			with("component", component)).
		with("components", component).
		with("dependencies", read("ref", "dependsOn", "provides")).
		with("compositions", &node{judge: compositions})
}()

// text reads a value that should be a string.
func text(r *jsonscan.Reader) string {
	s, _ := r.TryString()
	return s
}

// members reads the texts of an object.
func members(r *jsonscan.Reader) map[string]string {
	out := map[string]string{}
	if r.Kind() != jsonscan.Object {
		r.Skip()
		return out
	}
	for r.Object(); ; {
		key, ok := r.NextKey()
		if !ok {
			return out
		}
		name := string(key)
		out[name] = text(r)
	}
}

func each(r *jsonscan.Reader, item func(m map[string]string)) {
	if r.Kind() != jsonscan.Array {
		r.Skip()
		return
	}
	for r.Array(); r.NextItem(); {
		item(members(r))
	}
}

// properties are read where they are ours, or say what the decoder knows of syft's
// and Trivy's.
func properties(s *surveyor, r *jsonscan.Reader, path string) {
	each(r, func(m map[string]string) {
		name := m["name"]
		rest, syft := strings.CutPrefix(name, "syft:location:")
		switch {
		case strings.HasPrefix(name, "cofferdam:sbom:"):
		case syft && (strings.HasSuffix(rest, ":path") || strings.HasSuffix(rest, ":layerID")):
		default:
			switch name {
			case "aquasecurity:trivy:SrcName", "aquasecurity:trivy:SrcVersion", "aquasecurity:trivy:LayerDigest",
				"aquasecurity:trivy:ImageID", "aquasecurity:trivy:RepoDigest", "aquasecurity:trivy:RepoTag":
			default:
				s.lose(r, path)
			}
		}
	})
}

// compositions say how complete parts are; the model holds only that the whole is
// not.
func compositions(s *surveyor, r *jsonscan.Reader, path string) {
	kept := !s.d.Incomplete
	each(r, func(m map[string]string) {
		a := m["aggregate"]
		if !kept && a != "complete" && a != "not_specified" && a != "unknown" {
			kept = true
			return
		}
		s.lose(r, path+" ("+a+")")
	})
}

var spdx2 = func() *node {
	pkg := read("SPDXID", "name", "versionInfo", "supplier", "originator", "licenseDeclared", "licenseConcluded", "primaryPackagePurpose",
		"packageFileName", "checksums", "filesAnalyzed").
		with("externalRefs", &node{judge: externalRefs}).
		with("annotations", &node{judge: annotations}).
		with("attributionTexts", &node{judge: attributions})
	root := read("$schema", "spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "documentDescribes").
		with("creationInfo", read("created", "creators")).
		with("packages", pkg).
		with("files", &node{judge: items}).
		with("snippets", &node{judge: items}).
		with("relationships", &node{judge: relationships}).
		with("annotations", &node{judge: annotations}).
		with("hasExtractedLicensingInfos", read("licenseId", "extractedText", "name"))
	root.members["sbom"] = root // GitHub's dependency graph answers {"sbom": document}
	return root
}()

// items counts things of which nothing is kept.
func items(s *surveyor, r *jsonscan.Reader, path string) {
	if r.Kind() != jsonscan.Array {
		r.Skip()
		return
	}
	for r.Array(); r.NextItem(); {
		r.Skip()
		s.lose(r, path)
	}
}

func externalRefs(s *surveyor, r *jsonscan.Reader, path string) {
	each(r, func(m map[string]string) {
		kind := strings.ToLower(m["referenceType"])
		kind = kind[strings.LastIndexByte(kind, '/')+1:]
		if kind != "purl" && kind != "packageurl" && !strings.HasPrefix(kind, "cpe22") && !strings.HasPrefix(kind, "cpe23") {
			s.lose(r, path+" ("+m["referenceType"]+")")
		} else if m["comment"] != "" {
			s.lose(r, path+".comment")
		}
	})
}

// noted reports whether a remark is one that the decoder reads: ours or Trivy's.
func noted(comment string) bool {
	if strings.HasPrefix(comment, "cofferdam:sbom:") {
		return true
	}
	key, _, _ := strings.Cut(comment, ": ")
	switch key {
	case "LayerDigest", "LayerDiffID", "ImageID", "RepoDigest", "RepoTag":
		return true
	}
	return false
}

func annotations(s *surveyor, r *jsonscan.Reader, path string) {
	each(r, func(m map[string]string) {
		if !noted(m["comment"]) {
			s.lose(r, path)
		}
	})
}

func attributions(s *surveyor, r *jsonscan.Reader, path string) {
	if r.Kind() != jsonscan.Array {
		r.Skip()
		return
	}
	for r.Array(); r.NextItem(); {
		if !noted(text(r)) {
			s.lose(r, path)
		}
	}
}

// kinds of relationships that become edges of the model as they are; DESCRIBES
// finds the subject. Others that become edges lose what sort of need they are.
var exact = map[string]bool{"CONTAINS": true, "CONTAINED_BY": true, "PACKAGE_OF": true, "DEPENDS_ON": true, "DEPENDENCY_OF": true, "DESCRIBES": true, "DESCRIBED_BY": true}

func relationships(s *surveyor, r *jsonscan.Reader, path string) {
	each(r, func(m map[string]string) {
		kind := m["relationshipType"]
		if !exact[kind] && (kind != "OTHER" || m["comment"] != "cofferdam:sbom:provides") {
			s.lose(r, path+" (type "+kind+")")
		}
	})
}
