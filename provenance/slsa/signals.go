package slsa

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
)

// Source is what is known of the source.
type Source struct {
	Level      int      `json:"level"` // 0 to 4 (SLSA v1.2, Source track); 0: nobody says
	Repository string   `json:"repository,omitempty"`
	Ref        string   `json:"ref,omitempty"`
	Commit     string   `json:"commit,omitempty"`
	Confirmed  Answer   `json:"confirmed"` // does the signer's certificate name the same commit
	Reasons    []Reason `json:"reasons"`
}

// Dependencies says how many of a build's inputs are named by what they hold.
type Dependencies struct {
	Total    int      `json:"total"`
	Pinned   int      `json:"pinned"`
	Unpinned []string `json:"unpinned,omitempty"` // the first of them
	// Complete says whether the builder claims that no input is left out.
	Complete Answer `json:"complete"`
}

// Link says whether the provenance names the artifact's SBOM by its digest.
type Link struct {
	Answer Answer   `json:"answer"`
	Basis  string   `json:"basis"`
	Named  []string `json:"named,omitempty"` // SBOMs that the provenance names
}

// maxUnpinned bounds the names of dependencies that are listed.
const maxUnpinned = 50

// pins reports whether a digest says what a resource holds: of an algorithm in which
// nobody can make two things alike, or of Git.
func pins(x *predicate.Resource) bool {
	for _, h := range x.Digests {
		switch h.Algorithm {
		case "sha256", "sha384", "sha512", "sha512_256", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s", "gitCommit", "gitTree", "gitBlob", "gitTag", "dirHash", "goModuleH1":
			if h.Value != "" {
				return true
			}
		case "sha1":
			if h.Value != "" && strings.HasPrefix(x.URI, "git+") {
				return true
			}
		}
	}
	return false
}

func dependencies(p *predicate.Provenance) Dependencies {
	d := Dependencies{Total: len(p.Dependencies), Complete: Unknown}
	for i := range p.Dependencies {
		if x := &p.Dependencies[i]; pins(x) {
			d.Pinned++
		} else if len(d.Unpinned) < maxUnpinned {
			d.Unpinned = append(d.Unpinned, x.Label())
		}
	}
	if c := p.Complete.Materials; c != nil {
		if d.Complete = No; *c {
			d.Complete = Yes
		}
	}
	return d
}

// source finds the commit that was built, and holds it against the certificate.
func (x *assessor) source(f *fact.Fact, p *predicate.Provenance) {
	s := &x.Source
	s.Repository, s.Ref, s.Commit, s.Confirmed = "", "", "", Unknown
	candidates := sources(p)
	for i := range candidates {
		c := &candidates[i]
		commit := c.Digest("gitCommit")
		if commit == "" && strings.HasPrefix(c.URI, "git+") {
			commit = c.Digest("sha1")
		}
		if commit != "" {
			s.Repository, s.Ref, _ = strings.Cut(strings.TrimPrefix(c.URI, "git+"), "@")
			s.Commit = commit
			break
		}
	}
	if c := f.Signer.Certificate; c != nil && s.Commit != "" {
		if named := c.Extensions["sourceRepositoryDigest"]; named != "" {
			if s.Confirmed = No; named == s.Commit {
				s.Confirmed = Yes
			}
		}
	}
}

// sources are the inputs among which the source is looked for, in this order. Tekton
// Chains also names the repositories that the definitions of pipeline and tasks came from,
// and names them first: those are how it was built, and not what (tektoncd/chains,
// docs/predicate/slsa/v2.md, "Resolved Dependencies"). In v0.2 that is configSource, which
// stands among the materials once more.
func sources(p *predicate.Provenance) []predicate.Resource {
	rest, tekton := strings.CutPrefix(strings.TrimPrefix(p.BuildType, "https://"), "tekton.dev/")
	if !tekton || rest == "" {
		if p.Config != nil {
			return append([]predicate.Resource{*p.Config}, p.Dependencies...)
		}
		return p.Dependencies
	}
	return slices.DeleteFunc(slices.Clone(p.Dependencies), func(r predicate.Resource) bool {
		switch r.Name {
		case "pipeline", "pipelineTask", "task":
			return true
		}
		return p.Config != nil && r.URI == p.Config.URI && slices.Equal(r.Digests, p.Config.Digests)
	})
}

// Names of members of metadata by which BuildKit says that a build had no network
// (moby/buildkit, docs/attestations/slsa-definitions.md).
var hermeticMembers = [...]string{"buildkit_hermetic", "https://mobyproject.org/buildkit@v1#hermetic"}

func (x *assessor) claims(f *fact.Fact, p *predicate.Provenance, b *Builder, vouched bool) {
	if vouched && b.Hermetic {
		x.Hermetic.put(true, true, "the table says so of the builder %s, which signed", p.Builder.ID)
	}
	for _, name := range hermeticMembers {
		var hermetic bool
		if raw, ok := p.Extensions[name]; ok && json.Unmarshal(raw, &hermetic) == nil {
			x.Hermetic.put(hermetic, vouched, "the provenance claims that %s is %v, signed %s", name, hermetic, by(&f.Signer))
		}
	}
	if vouched && b.Isolated {
		x.Isolated.put(true, true, "the table says so of the builder %s, which signed", p.Builder.ID)
	}
	switch env := runner(f); env {
	case gitHubHosted:
		x.Isolated.put(true, true, "the certificate says that it ran on a runner of the platform's own, made for one job")
	case selfHosted:
		x.Isolated.put(false, true, "the certificate says that it ran on a self-hosted runner")
	}
}

// attributes reads what a SCAI report says of the build.
func (x *assessor) attributes(f *fact.Fact, a *predicate.Attributes) {
	for i := range a.Attributes {
		switch strings.ToUpper(a.Attributes[i].Name) {
		case "HERMETIC", "HERMETIC_BUILD":
			x.Hermetic.put(true, x.t.knows(&f.Signer), "a report of attributes claims it, signed %s", by(&f.Signer))
		case "ISOLATED", "ISOLATED_BUILD":
			x.Isolated.put(true, x.t.knows(&f.Signer), "a report of attributes claims it, signed %s", by(&f.Signer))
		}
	}
}

// trace reads what a monitor saw of the build.
func (x *assessor) trace(f *fact.Fact, t *predicate.Trace) {
	if !t.NetworkLogged {
		return
	}
	if len(t.Network) == 0 {
		x.Hermetic.put(true, x.t.knows(&f.Signer), "the monitor %s saw no connection, signed %s", t.Monitor, by(&f.Signer))
		return
	}
	c := t.Network[0]
	to := c.Hostname
	if to == "" {
		to = c.IP
	}
	if to == "" {
		to = "an address that it does not name"
	}
	x.Hermetic.put(false, true, "the monitor %s saw %d connections, the first to %s", t.Monitor, len(t.Network), to)
}

// link looks for the SBOMs among what a build made beside the artifact.
func (x *assessor) link(p *predicate.Provenance) {
	if x.linked {
		return
	}
	for i := range p.Byproducts {
		b := &p.Byproducts[i]
		named := isSBOM(b)
		for _, h := range b.Digests {
			d, err := ident.ParseDigest(h.Algorithm + ":" + h.Value)
			if err != nil {
				continue
			}
			if slices.Contains(x.sboms, d) {
				x.linked = true
				x.SBOM = Link{Yes, fmt.Sprintf("the provenance names %s among what the build made", b.Label()), []string{d.String()}}
				return
			}
			if named {
				x.SBOM.Named = append(x.SBOM.Named, d.String())
			}
		}
	}
	switch {
	case len(x.SBOM.Named) > 0 && len(x.sboms) > 0:
		x.SBOM.Answer, x.SBOM.Basis = No, "the provenance names another SBOM than those that are here"
	case len(x.SBOM.Named) > 0:
		x.SBOM.Answer, x.SBOM.Basis = Unknown, "the provenance names an SBOM, and none is here to compare"
	case p.Version == "v0.2":
		x.SBOM.Answer, x.SBOM.Basis = No, "provenance v0.2 has no place for what a build made beside the artifact"
	default:
		x.SBOM.Answer, x.SBOM.Basis = No, "the provenance names no SBOM among its byproducts"
	}
}

func isSBOM(x *predicate.Resource) bool {
	media := strings.ToLower(x.MediaType)
	if strings.Contains(media, "spdx") || strings.Contains(media, "cyclonedx") {
		return true
	}
	for _, name := range []string{x.Name, x.URI} {
		name = strings.ToLower(name)
		for _, end := range []string{".spdx.json", ".spdx", ".cdx.json", ".cdx.xml", ".bom.json"} {
			if strings.HasSuffix(name, end) {
				return true
			}
		}
	}
	return false
}
