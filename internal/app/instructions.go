package app

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/report"
)

// Instructions verifies an image, and says how anybody else does: by this program with the
// flags own, and by cosign. What does not verify has none. Cosign is told of signers whom
// the inputs name; whoever else signed the image is nobody that a reader should be sent
// to, and is left out.
func (l *Loader) Instructions(ctx context.Context, in FactInputs, namespace string, own []string) (*report.Instructions, error) {
	v, err := l.VerifyImage(ctx, in, namespace)
	if err != nil {
		return nil, err
	}
	if v.Verdict != report.Verified {
		kind := ident.KindRefused
		if v.Verdict == report.Indeterminate {
			kind = ident.KindIndeterminate
		}
		return nil, ident.Errorf(kind, "%s does not verify, and there is nothing to instruct: %s", v.Image, v.Message).WithHint("cofferdam verify image with the same flags says what is attached")
	}
	ref, err := ident.ParseImageRef(in.Image)
	if err == nil {
		ref.Digest, err = ident.ParseDigest(v.Digests[0])
	}
	if err != nil {
		return nil, err
	}
	image := ref.Name() + "@" + ref.Digest.String()
	a := &report.Instructions{SchemaVersion: inventory.SchemaVersion, Image: image, At: v.At, Signers: []string{}, Files: []report.InstructionFile{}}
	if err := l.needed(ctx, a, &in); err != nil {
		return nil, err
	}
	a.Commands = []report.Instruction{{Shows: "with cofferdam", Args: append([]string{"cofferdam", "verify", "image", image}, own...)}}
	if len(in.Verify.Keys)+len(in.Verify.Options.Identities) == 0 {
		a.Notes = append(a.Notes, "there is no command for cosign: it asks who signed, which --key, or --certificate-identity and --certificate-oidc-issuer, say beside the policies")
		return a, nil
	}
	registry, _, _ := strings.Cut(image, "/")
	c := cosigned{image: image, loopback: in.Registry.PlainHTTP || onLoopback(registry), in: &in.Verify}
	if n := len(in.Verify.TrustedRoots); n > 1 {
		a.Notes = append(a.Notes, "cosign takes one trusted root, and "+counted(n, "file")+" are given: the first is in its commands")
	}
	for i := range v.Candidates {
		if x := &v.Candidates[i]; x.Verdict.Verdict == report.Verified && x.Fact != nil && x.Fact.Artifact == ref.Digest {
			c.add(a, x.Fact, x.Format)
		}
	}
	if len(in.Policies.ownAndImages()) > 0 && len(a.Commands) > 1 {
		a.Notes = append(a.Notes, "cosign says who signed and attested what; the policies are judged by cofferdam alone")
	}
	return a, nil
}

// ownAndImages are the names of policies; none where p is nil.
func (p *Policies) ownAndImages() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, x := range p.Own {
		out = append(out, x.Name)
	}
	for _, x := range p.Images {
		out = append(out, x.Name)
	}
	return out
}

// needed lists the files that commands read.
func (l *Loader) needed(ctx context.Context, a *report.Instructions, in *FactInputs) error {
	for what, files := range map[string][]string{"the public key": in.Verify.Keys, "the trusted root": in.Verify.TrustedRoots, "the table of builders": {in.Verify.BuildersFile}, "what is distrusted": {in.Verify.DistrustFile}} {
		for _, name := range files {
			if name == "" || strings.Contains(name, "://") {
				continue
			}
			raw, err := l.read(ctx, name)
			if err != nil {
				return err
			}
			a.Files = append(a.Files, report.InstructionFile{File: name, What: what, Digest: ident.SHA256(raw)})
		}
	}
	slices.SortFunc(a.Files, func(x, y report.InstructionFile) int { return strings.Compare(x.What+x.File, y.What+y.File) })
	if in.Policies != nil {
		for _, f := range in.Policies.Files {
			a.Files = append(a.Files, report.InstructionFile{File: f.File, What: "the policies", Digest: f.Digest})
		}
	}
	return nil
}

// onLoopback reports whether a registry is on this machine, which cosign does not speak
// to without TLS unless it is told.
func onLoopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// cosigned writes cosign's commands (cosign v3, which reads both bundles and what it wrote
// before them).
type cosigned struct {
	image    string
	loopback bool
	in       *VerifyInputs
}

// named reports whether the inputs themselves name a signer: policies also know keys of
// their own, and hear whomever the trusted root certifies.
func (c *cosigned) named(s *fact.Signer) bool {
	switch {
	case s.Certificate != nil:
		return len(c.in.Options.Identities) > 0
	case s.Key != nil:
		return slices.Contains(c.in.Keys, s.Key.Name)
	}
	return false // notation's, which cosign does not read
}

// add is the command that finds one fact, unless another does already.
func (c *cosigned) add(a *report.Instructions, f *fact.Fact, format string) {
	if !c.named(&f.Signer) {
		return
	}
	var who string
	args := []string{"cosign", "verify"}
	shows := "with cosign: the signature"
	if f.Claim == fact.Attestation && f.PredicateType != provenance.CosignSign {
		args = []string{"cosign", "verify-attestation", "--type", f.PredicateType}
		shows = "with cosign: the attestation " + f.PredicateType
	}
	if s := &f.Signer; s.Certificate != nil {
		who = fmt.Sprintf("by %s, for whom %s vouched", s.Certificate.Subject, s.Certificate.Issuer)
		args = append(args, "--certificate-identity", s.Certificate.Subject, "--certificate-oidc-issuer", s.Certificate.Issuer)
		if len(f.Log) == 0 {
			args = append(args, "--insecure-ignore-tlog", "--use-signed-timestamps")
		}
	} else {
		who = fmt.Sprintf("with the key %s (%s)", s.Key.Name, s.Key.ID)
		args = append(args, "--key", s.Key.Name)
		if len(f.Log) == 0 {
			args = append(args, "--insecure-ignore-tlog")
		}
	}
	if !slices.Contains(a.Signers, who) {
		a.Signers = append(a.Signers, who)
	}
	if format != formatBundle {
		args = append(args, "--new-bundle-format=false")
	}
	if len(f.Log)+len(f.Times) > 0 || f.Signer.Certificate != nil {
		for _, r := range c.in.TrustedRoots[:min(len(c.in.TrustedRoots), 1)] {
			args = append(args, "--trusted-root", r)
		}
	}
	if c.loopback {
		args = append(args, "--allow-http-registry")
	}
	args = append(args, c.image)
	if !slices.ContainsFunc(a.Commands, func(x report.Instruction) bool { return slices.Equal(x.Args, args) }) {
		a.Commands = append(a.Commands, report.Instruction{Shows: shows, Args: args})
	}
}
