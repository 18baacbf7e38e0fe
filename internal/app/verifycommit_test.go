package app

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// repository is a git repository into which tests write objects.
type repository struct {
	t   testing.TB
	dir string
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	r := &repository{t, t.TempDir()}
	r.git(nil, "init", "-q")
	return r
}

func (r *repository) git(in []byte, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.dir}, args...)...) // #nosec G204 -- of the test
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes a commit whose signature sign makes.
func (r *repository) commit(message string, sign func(content []byte) []byte) string {
	r.t.Helper()
	tree := r.git(nil, "write-tree")
	head := fmt.Sprintf("tree %s\nauthor Ann <ann@shop.example> %d +0000\ncommitter Ann <ann@shop.example> %[2]d +0000\n", tree, factsAt.Unix())
	body := "\n" + message + "\n"
	signature := ""
	if s := sign([]byte(head + body)); len(s) > 0 {
		signature = "gpgsig " + strings.ReplaceAll(strings.TrimRight(string(s), "\n"), "\n", "\n ") + "\n"
	}
	return r.git([]byte(head+signature+body), "hash-object", "-t", "commit", "-w", "--stdin")
}

// tag writes an annotated tag.
func (r *repository) tag(of string, sign func(content []byte) []byte) string {
	content := fmt.Sprintf("object %s\ntype commit\ntag v1\ntagger Ann <ann@shop.example> %d +0000\n\nversion 1\n", of, factsAt.Unix())
	return r.git(append([]byte(content), sign([]byte(content))...), "hash-object", "-t", "tag", "-w", "--stdin")
}

// sshSign signs as ssh-keygen -Y sign does.
func sshSign(t testing.TB, key ssh.Signer, namespace string) func([]byte) []byte {
	return func(content []byte) []byte {
		sum := sha512.Sum512(content)
		magic := [6]byte{'S', 'S', 'H', 'S', 'I', 'G'}
		signed := ssh.Marshal(struct {
			Magic                     [6]byte
			Namespace, Reserved, Hash string
			Digest                    []byte
		}{magic, namespace, "", "sha512", sum[:]})
		sig, err := key.Sign(rand.Reader, signed)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: ssh.Marshal(struct {
			Magic                     [6]byte
			Version                   uint32
			Key                       []byte
			Namespace, Reserved, Hash string
			Signature                 []byte
		}{magic, 1, key.PublicKey().Marshal(), namespace, "", "sha512", ssh.Marshal(sig)})})
	}
}

func sshKey(t testing.TB) (ssh.Signer, string) {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

// TestVerifyCommits judges commits and tags of a real repository, good and bad ones.
func TestVerifyCommits(t *testing.T) {
	r := newRepository(t)
	key, line := sshKey(t)
	other, otherLine := sshKey(t)
	d, err := synth.New(synth.Options{At: factsAt})
	if err != nil {
		t.Fatal(err)
	}
	v := &vouching{t: t}
	root := v.file("root.json", d.TrustedRoot())
	gitsign := func(s synth.Signing) func([]byte) []byte {
		return func(content []byte) []byte {
			armoured, err := d.Gitsign(content, s)
			if err != nil {
				t.Fatal(err)
			}
			return armoured
		}
	}
	dev := synth.Signing{Subject: "ann@shop.example", Issuer: "https://accounts.example"}
	changed := func(sign func([]byte) []byte) func([]byte) []byte {
		return func(content []byte) []byte { return sign(append(content, "and more\n"...)) }
	}
	nobody := func([]byte) []byte { return nil }
	signed := r.commit("signed", sshSign(t, key, "git"))
	for name, c := range map[string]struct {
		rev     string
		allowed string
		who     string
		verdict report.VerdictWord
		reason  string
	}{
		"SSH":                    {signed, "ann@shop.example " + line, "", report.Verified, ""},
		"SSH, namespaces":        {signed, `ann@shop.example namespaces="file,git" ` + line, "", report.Verified, ""},
		"SSH, within its time":   {signed, `ann@shop.example valid-after="20261101",valid-before="20261201Z" ` + line, "", report.Verified, ""},
		"SSH, a tag":             {r.tag(signed, sshSign(t, key, "git")), "ann@shop.example " + line, "", report.Verified, ""},
		"SSH, another key":       {r.commit("other", sshSign(t, other, "git")), "ann@shop.example " + line, "", report.Refused, string(verify.WrongSubject)},
		"SSH, another namespace": {r.commit("file", sshSign(t, key, "file")), "ann@shop.example " + line, "", report.Refused, string(verify.WrongArtifact)},
		"SSH, allowed for files": {signed, `ann@shop.example namespaces="file" ` + line, "", report.Refused, string(verify.WrongSubject)},
		"SSH, too late":          {signed, `ann@shop.example valid-before="20261101" ` + line, "", report.Refused, string(verify.KeyTime)},
		"SSH, too early":         {signed, `ann@shop.example valid-after="20261201" ` + line, "", report.Refused, string(verify.KeyTime)},
		"SSH, an authority":      {signed, "ann@shop.example cert-authority " + line, "", report.Refused, string(verify.WrongSubject)},
		"SSH, changed":           {r.commit("changed", changed(sshSign(t, key, "git"))), "ann@shop.example " + line, "", report.Refused, string(verify.BadSignature)},
		"SSH, a tag of another":  {r.tag(signed, changed(sshSign(t, key, "git"))), "ann@shop.example " + line, "", report.Refused, string(verify.BadSignature)},
		"SSH, several lines":     {signed, "# ours\nbob " + otherLine + "\n\nann " + line + " of Ann", "", report.Verified, ""},
		"SSH, nobody is allowed": {signed, "", "ann@shop.example", report.Indeterminate, ""},
		"unsigned":               {r.commit("unsigned", nobody), "ann " + line, "", report.Refused, report.NothingSigned},
		"an unsigned tag":        {r.tag(signed, nobody), "ann " + line, "", report.Refused, report.NothingSigned},
		"OpenPGP": {r.commit("pgp", func([]byte) []byte {
			return []byte("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
		}), "ann " + line, "", report.Indeterminate, ""},
		"no SSH signature at all": {r.commit("broken", func([]byte) []byte {
			return []byte("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")
		}), "ann " + line, "", report.Refused, string(verify.BadBundle)},
		"gitsign":                  {r.commit("gitsign", gitsign(dev)), "", "ann@shop.example", report.Verified, ""},
		"gitsign, a tag":           {r.tag(signed, gitsign(dev)), "", "ann@shop.example", report.Verified, ""},
		"gitsign, somebody else":   {r.commit("gitsign", gitsign(dev)), "", "bob@shop.example", report.Refused, string(verify.WrongSubject)},
		"gitsign, changed":         {r.commit("gitsign", changed(gitsign(dev))), "", "ann@shop.example", report.Refused, string(verify.WrongArtifact)},
		"gitsign, no log entry":    {r.commit("gitsign", gitsign(synth.Signing{Subject: dev.Subject, Issuer: dev.Issuer, NoLog: true})), "", "ann@shop.example", report.Indeterminate, ""},
		"gitsign, nobody is named": {r.commit("gitsign", gitsign(dev)), "ann " + line, "", report.Indeterminate, ""},
		"gitsign, nothing of it": {r.commit("g", func([]byte) []byte {
			return []byte("-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n")
		}), "", "ann@shop.example", report.Refused, string(verify.BadBundle)},
		"a revision that is not there": {"nowhere", "ann " + line, "", report.Indeterminate, ""},
		"an option":                    {"--help", "ann " + line, "", report.Indeterminate, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := CommitInputs{Revisions: []string{c.rev}, Repository: r.dir, Verify: VerifyInputs{TrustedRoots: []string{root}, At: factsAt}}
			if c.allowed != "" {
				in.AllowedSigners = v.file("allowed", []byte(c.allowed+"\n"))
			}
			if c.who != "" {
				in.Verify.Options.Identities = []verify.Identity{{Subject: c.who, Issuer: dev.Issuer}}
			}
			a, err := (&Loader{}).VerifyCommits(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Results[0]; got.Verdict != c.verdict || got.Reason != c.reason || (got.Fact != nil) != (c.verdict == report.Verified) {
				t.Errorf("%s %q: %s; want %s %q", got.Verdict, got.Reason, got.Message, c.verdict, c.reason)
			}
		})
	}
	// A replacement that the repository holds is not followed.
	evil := r.commit("evil", nobody)
	r.git(nil, "replace", evil, signed)
	a, err := (&Loader{}).VerifyCommits(t.Context(), CommitInputs{Revisions: []string{evil}, Repository: r.dir, AllowedSigners: v.file("allowed", []byte("ann "+line+"\n"))})
	if err != nil || a.Verdict != report.Refused {
		t.Errorf("%+v %v", a, err)
	}
	// A stolen key is distrusted.
	f, err := (&Loader{}).VerifyCommits(t.Context(), CommitInputs{Revisions: []string{signed}, Repository: r.dir, AllowedSigners: v.file("allowed", []byte("ann "+line+"\n"))})
	if err != nil || f.Verdict != report.Verified {
		t.Fatalf("%+v %v", f, err)
	}
	list := v.file("distrust.yaml", fmt.Appendf(nil, "distrust:\n- key: %s\n  why: it was stolen\n", f.Results[0].Fact.Signer.Key.ID))
	f, err = (&Loader{}).VerifyCommits(t.Context(), CommitInputs{Revisions: []string{signed}, Repository: r.dir, AllowedSigners: v.file("allowed", []byte("ann "+line+"\n")), Verify: VerifyInputs{DistrustFile: list}})
	if err != nil || f.Verdict != report.Refused || f.Results[0].Reason != string(verify.Distrusted) {
		t.Errorf("%+v %v", f, err)
	}
}

// TestAllowedSignersThatAreBroken: a line that cannot be read ends the reading: it may be
// the one that takes trust away.
func TestAllowedSignersThatAreBroken(t *testing.T) {
	_, line := sshKey(t)
	for _, text := range []string{"ann", "ann ssh-ed25519", "ann ssh-ed25519 AAAA", "ann future-option " + line, "ann valid-after=soon " + line, "ann namespaces=git " + line, "ann ssh-rsa " + strings.Fields(line)[1]} {
		if _, err := verify.ParseAllowedSigners([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
