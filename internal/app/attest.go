package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/pipeline"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	sbomdecode "github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/vuln/openvex"
)

// AttestInputs say what is stated about subjects.
type AttestInputs struct {
	SignInputs
	Type      string // a short name of PredicateTypes, or the address of a type
	Predicate string // file; "": made from the environment, the command or the exception
	BuilderID string
	// VerifierID is the stage whose gate is summed up, a URI.
	VerifierID string
	Env        map[string]string
	// Command is run as a build before its subjects are read; nil: nothing is run.
	Command        []string
	Stdout, Stderr io.Writer
	Now            func() time.Time
}

// The short names of predicate types, as cosign has them, and our own.
var predicateTypes = map[string]string{
	"slsaprovenance": provenance.SLSAProvenanceV1,
	"cyclonedx":      provenance.CycloneDX,
	"spdx":           provenance.SPDX,
	"vuln":           provenance.CosignVuln,

	"verification-summary": predicate.SummaryType,
	"openvex":              provenance.OpenVEX,
	"micro-segmentation":   provenance.MicroSegmentation,
	"approval":             policy.ApprovalPredicate,
}

// PredicateTypes lists the short names.
func PredicateTypes() []string {
	var out []string
	for name := range predicateTypes {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Attest states something about images, files and digests, and signs it.
func (l *Loader) Attest(ctx context.Context, in AttestInputs) (*report.Signed, error) {
	kind, ok := predicateTypes[in.Type]
	if !ok {
		if kind = in.Type; !strings.Contains(kind, "://") {
			return nil, ident.Errorf(ident.KindUsage, "--type %q is no type of predicate", in.Type).WithHint("one of: %s; or the address of a type", strings.Join(PredicateTypes(), ", "))
		}
	}
	if kind == policy.ApprovalPredicate && in.Bundle == "" && len(in.Subjects) == 1 {
		return nil, ident.Errorf(ident.KindUsage, "where does the approval go?").WithHint("--bundle FILE: one for each who approves")
	}
	var run *pipeline.Run
	if in.Command != nil {
		var err error
		if run, err = l.wrap(ctx, &in); err != nil {
			return nil, err
		}
	}
	s, done, err := l.signer(ctx, in.SignInputs)
	if err != nil {
		return nil, err
	}
	defer done()
	for i, name := range in.Subjects {
		l.progress("attesting", i, len(in.Subjects))
		sub, err := s.subject(ctx, name)
		if err != nil {
			return s.out, err
		}
		what, err := s.predicate(ctx, &in, kind, sub, run)
		if err != nil {
			return s.out, err
		}
		label := name
		if sub.image != nil {
			label = sub.image.Name()
		}
		statement, err := (&provenance.Statement{PredicateType: kind, Subjects: []provenance.Subject{provenance.SubjectOf(label, sub.digest)}, Predicate: what}).Write()
		if err != nil {
			return s.out, err
		}
		if err := s.sign(ctx, sub, signing.Content{Statement: statement}, kind); err != nil {
			return s.out, err
		}
	}
	return s.out, nil
}

// predicate returns what is stated about a subject. What is read is judged by its type:
// a statement that nobody can read later is not signed now.
func (s *signer) predicate(ctx context.Context, in *AttestInputs, kind string, sub *subject, run *pipeline.Run) ([]byte, error) {
	var raw []byte
	if in.Predicate != "" {
		if run != nil || kind == policy.ApprovalPredicate {
			return nil, ident.Errorf(ident.KindUsage, "--predicate %s: what is stated here is made, and not read", in.Predicate)
		}
		var err error
		if raw, err = s.read(ctx, in.Predicate); err != nil {
			return nil, err
		}
	}
	refused := func(format string, args ...any) *ident.Error {
		return ident.Errorf(ident.KindRefused, format, args...).At(in.Predicate)
	}
	switch {
	case kind == policy.ApprovalPredicate:
		return s.approval(ctx, sub)
	case raw == nil && kind == provenance.SLSAProvenanceV1:
		return s.provenance(in, run)
	case raw == nil:
		return nil, ident.Errorf(ident.KindUsage, "what is stated?").WithHint("--predicate FILE; only slsaprovenance and approval are made without one")
	case kind == provenance.CycloneDX || kind == provenance.SPDX || kind == provenance.MicroSegmentation:
		docs, err := sbomdecode.Bytes(ctx, in.Predicate, raw, sbomdecode.Limits{})
		if err != nil {
			return nil, err
		}
		want := sbom.CycloneDX
		if kind == provenance.SPDX {
			want = sbom.SPDX
		}
		if len(docs) != 1 || docs[0].Format != want {
			return nil, refused("is not one document of %s", want).WithHint("cofferdam sbom convert writes it as such")
		}
		if kind == provenance.MicroSegmentation {
			break
		}
		if names := contentDigests(docs[0]); sub.image != nil && len(names) > 0 && !slices.Contains(names, sub.digest) {
			s.note("the SBOM names digests of an image, and " + sub.digest.String() + " is not among them: is it of one platform of this index?")
		}
	case kind == provenance.OpenVEX:
		_, faults, err := openvex.Decode(ctx, in.Predicate, raw)
		if err != nil {
			return nil, err
		}
		if len(faults) > 0 {
			return nil, refused("%s: %s", faults[0].Pointer, faults[0].Message)
		}
	case kind == provenance.CosignVuln:
		return s.scanned(in, raw)
	case kind == predicate.SummaryType:
		return s.summary(in, sub, raw)
	}
	if jsonscan.New(raw, jsonscan.Options{}).Kind() == jsonscan.Object {
		return raw, nil
	}
	return nil, refused("is no JSON object, as a predicate is").WithHint("cofferdam sbom convert writes an SBOM as JSON")
}

// contentDigests are the digests that an SBOM says its artifact has.
func contentDigests(d *sbom.Document) []ident.Digest {
	var out []ident.Digest
	for _, x := range d.Subject.Digests {
		if x.Role != ident.RoleDocument {
			out = append(out, x.Digest)
		}
	}
	return out
}

// provenance is made from the pipeline's environment, or from the command that was run.
func (s *signer) provenance(in *AttestInputs, run *pipeline.Run) ([]byte, error) {
	var b *pipeline.Build
	var err error
	if run != nil {
		b, err = pipeline.Wrap(*run, in.Env)
	} else {
		o := pipeline.Options{BuilderID: in.BuilderID, Finished: in.At}
		if s.by.Token != nil {
			o.WorkflowRef = s.by.Token.WorkflowRef()
		}
		b, err = pipeline.Read(in.Env, o)
	}
	if err != nil {
		return nil, err
	}
	s.out.Unproven = b.Unproven
	if s.by.Key != nil {
		s.out.Unproven = append(slices.Clone(b.Unproven), "that the build system signed: whoever has the key could write the same (SLSA Build L1)")
	}
	return b.Predicate()
}

// scanned is the predicate of a scan: cosign's own as it is, or the answer of our scan in
// cosign's frame.
func (s *signer) scanned(in *AttestInputs, raw []byte) ([]byte, error) {
	refused := func(what string) error {
		return ident.Errorf(ident.KindRefused, "%s", what).At(in.Predicate).WithHint("cofferdam scan IMAGE -o json writes what is attested, and so does trivy --format cosign-vuln")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, refused("is no result of a scan in JSON")
	}
	if members["scanner"] != nil && members["metadata"] != nil {
		return raw, nil
	}
	var at time.Time
	var coverage struct {
		As string `json:"advisoriesAsOf"`
	}
	if members["findings"] == nil || json.Unmarshal(members["at"], &at) != nil || json.Unmarshal(members["coverage"], &coverage) != nil || at.IsZero() {
		return nil, refused("is neither a scan of cofferdam's nor one in cosign's format")
	}
	when := at.UTC().Format(time.RFC3339)
	return json.Marshal(map[string]any{
		"invocation": map[string]any{"uri": "", "event_id": "", "builder.id": in.BuilderID},
		"scanner":    map[string]any{"uri": "https://github.com/cofferdam-io/cofferdam", "version": "", "db": map[string]any{"uri": "", "version": coverage.As}, "result": json.RawMessage(raw)},
		"metadata":   map[string]any{"scanStartedOn": when, "scanFinishedOn": when},
	})
}

// approval states that whoever signs approves an exception. Its subject is the digest of
// all that the exception says.
func (s *signer) approval(ctx context.Context, sub *subject) ([]byte, error) {
	if sub.content == nil {
		return nil, ident.Errorf(ident.KindUsage, "an approval is about an exception, in a file").WithHint("cofferdam attest exception.yaml --type approval --bundle FILE")
	}
	compiler, err := policy.NewCompiler()
	if err != nil {
		return nil, err
	}
	var found []*policy.Exception
	f := decode.Read(ctx, manifest.Input{Name: sub.name, Data: sub.content}, compiler)
	if err := broken(f.Name, f.Faults); err != nil {
		return nil, err
	}
	for _, o := range f.Objects {
		if o.Exception == nil {
			continue
		}
		if err := broken(f.Name, o.Faults); err != nil {
			return nil, err
		}
		found = append(found, o.Exception)
	}
	if len(found) != 1 {
		return nil, ident.Errorf(ident.KindRefused, "holds %d exceptions, and one is approved at a time", len(found)).At(sub.name)
	}
	e := found[0]
	if !s.in.At.Before(e.ExpiresAt) {
		return nil, ident.Errorf(ident.KindRefused, "the exception ended at %s", e.ExpiresAt.UTC().Format(time.RFC3339)).At(sub.name)
	}
	sub.digest = e.Digest
	return json.Marshal(map[string]any{"exception": e.Name, "ticket": e.Ticket, "expiresAt": e.ExpiresAt.UTC().Format(time.RFC3339)})
}

// wrap runs a command, and notes when it ran and from which commit.
func (l *Loader) wrap(ctx context.Context, in *AttestInputs) (*pipeline.Run, error) {
	run := &pipeline.Run{Args: in.Command, BuilderID: in.BuilderID}
	if _, err := pipeline.Wrap(*run, in.Env); err != nil { // before an hour's build, not after it
		return nil, err
	}
	run.Commit = git(ctx, "rev-parse", "--verify", "HEAD")
	if run.Commit != "" {
		run.Repository = git(ctx, "config", "--get", "remote.origin.url")
		run.Ref = git(ctx, "symbolic-ref", "-q", "HEAD")
		run.Changed = git(ctx, "status", "--porcelain", "--untracked-files=no") != ""
	}
	run.Started = in.Now()
	c := exec.CommandContext(ctx, in.Command[0], in.Command[1:]...) // #nosec G204 -- it is what the user asked to run
	c.Stdout, c.Stderr = in.Stdout, in.Stderr
	err := c.Run()
	run.Finished = in.Now()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, ident.Errorf(ident.KindFailure, "%s ended with status %d: nothing is attested", in.Command[0], exit.ExitCode())
	case err != nil:
		return nil, ident.Errorf(ident.KindFailure, "%s cannot be run: %w", in.Command[0], err)
	}
	in.At = in.Now() // a token or timestamp is of after the build
	return run, nil
}

// git asks Git about the working folder; "" where it has no answer.
func git(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", args...).Output() // #nosec G204 -- fixed words
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
