package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
)

// CommitInputs say which commits and tags are verified, and by what.
type CommitInputs struct {
	Revisions      []string
	Repository     string // folder; "" is the current one
	AllowedSigners string // file of OpenSSH's; "": no SSH key is accepted
	Verify         VerifyInputs
}

// gitNamespace is what git has SSH keys sign for.
const gitNamespace = "git"

// VerifyCommits says who signed commits and tags: with gitsign, or with an SSH key.
func (l *Loader) VerifyCommits(ctx context.Context, in CommitInputs) (*report.Verification, error) {
	a := &report.Verification{SchemaVersion: inventory.SchemaVersion, Verdict: report.Verified, Results: []report.Verdict{}}
	o, err := l.verifyOptions(ctx, in.Verify)
	if err != nil {
		return nil, err
	}
	j := commitJudge{Loader: l, in: in, options: o, answer: a}
	if in.AllowedSigners != "" {
		raw, err := l.read(ctx, in.AllowedSigners)
		if err != nil {
			return nil, err
		}
		if j.allowed, err = verify.ParseAllowedSigners(raw); err != nil {
			return nil, located(in.AllowedSigners, err)
		}
	}
	for _, rev := range in.Revisions {
		v := report.Verdict{Artifact: rev, Bundle: rev, Verdict: report.Verified}
		g, err := readGit(ctx, in.Repository, rev)
		if err == nil {
			v.Artifact, v.Bundle = fmt.Sprintf("%s %s (%s)", g.kind, rev, g.id), g.id
			v.Fact, err = j.judge(ctx, g)
		}
		if err != nil {
			if ctx.Err() != nil || ident.KindOf(err) == ident.KindUsage {
				return nil, err
			}
			refused(&v, err)
			if errors.Is(err, errUnsigned) {
				v.Verdict, v.Reason = report.Refused, report.NothingSigned
			}
		}
		a.Add(v)
	}
	return a, nil
}

type commitJudge struct {
	*Loader
	in      CommitInputs
	options verify.Options
	allowed *verify.AllowedSigners
	answer  *report.Verification
}

var errUnsigned = ident.Errorf(ident.KindRefused, "nobody signed it").WithHint("git commit -S, or git tag -s, with gitsign or an SSH key")

func (j *commitJudge) judge(ctx context.Context, g *gitObject) (*fact.Fact, error) {
	switch {
	case len(g.signature) == 0:
		return nil, errUnsigned
	case bytes.HasPrefix(g.signature, []byte("-----BEGIN SSH SIGNATURE-----")):
		if j.allowed == nil {
			return nil, ident.Errorf(ident.KindIndeterminate, "it is signed with an SSH key, and no allowed signers are given").WithHint("--allowed-signers FILE, as git's gpg.ssh.allowedSignersFile")
		}
		f, err := j.allowed.Verify(g.signature, g.content, gitNamespace, g.at)
		if err == nil {
			err = verify.Distrusts(j.options.Distrust, f)
		}
		if err != nil {
			return nil, err
		}
		return f, nil
	case bytes.HasPrefix(g.signature, []byte("-----BEGIN SIGNED MESSAGE-----")):
		if len(j.options.Identities) == 0 {
			return nil, ident.Errorf(ident.KindIndeterminate, "it is signed with gitsign, and nobody is named whose certificate is accepted").WithHint("--certificate-identity SUBJECT --certificate-oidc-issuer ISSUER")
		}
		b, err := verify.ParseGitsign(g.signature, g.content)
		if err != nil {
			return nil, err
		}
		if !b.Logged() {
			return nil, ident.Errorf(ident.KindIndeterminate, "the signature holds neither a log entry nor a timestamp: its entry would have to be searched for in the log, which is not done").
				WithHint("gitsign with rekorMode = offline keeps the entry in the commit")
		}
		if j.options.Trust == nil {
			if j.options.Trust, j.answer.Notes, err = publicRoot(ctx, j.in.Verify); err != nil {
				return nil, err
			}
		}
		judge, err := verify.New(j.options)
		if err != nil {
			return nil, err
		}
		return judge.Bundle(b, verify.Artifact{Digest: ident.SHA256(g.content)})
	}
	return nil, ident.Errorf(ident.KindIndeterminate, "it is signed with OpenPGP or something else that is not judged").WithHint("git verify-commit and git verify-tag judge OpenPGP by the keyring of this machine")
}

// gitObject is a commit or a tag, taken apart.
type gitObject struct {
	id, kind  string
	content   []byte // that the signature is over
	signature []byte // armoured; nil: none
	at        time.Time
}

// maxGitObject bounds one object: messages are short.
const maxGitObject = 16 << 20

// readGit asks git for an object. The name goes to its standard input, so that it is no
// option; replacements that the repository may hold are not followed, and what a partial
// clone lacks is not fetched.
func readGit(ctx context.Context, dir, rev string) (*gitObject, error) {
	if rev == "" || strings.ContainsAny(rev, "\n\x00") {
		return nil, ident.Errorf(ident.KindUsage, "%.60q is no revision", rev)
	}
	if dir == "" {
		dir = "."
	}
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "cat-file", "--batch") // #nosec G204 -- the folder is the user's own word
	cmd.Env = append(os.Environ(), "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	cmd.Stdin = strings.NewReader(rev + "\n")
	var out, errs bounded
	out.most, errs.most = maxGitObject, 4<<10
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if out.over {
			return nil, ident.Errorf(ident.KindIndeterminate, "%.60q has more than %d bytes", rev, maxGitObject)
		}
		e := ident.Errorf(ident.KindIndeterminate, "git could not be asked for %.60q: %s", rev, strings.TrimSpace(errs.String()))
		e.Err = err
		return nil, e.WithHint("--repo DIR names a repository; git has to be installed")
	}
	head, rest, _ := bytes.Cut(out.Bytes(), []byte("\n"))
	fields := strings.Fields(string(head))
	if len(fields) != 3 {
		return nil, ident.Errorf(ident.KindIndeterminate, "the repository has no %.60q", rev).WithHint("git rev-parse %s", rev)
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil || size != len(rest)-1 {
		return nil, ident.Errorf(ident.KindIndeterminate, "git's answer for %.60q is cut short", rev)
	}
	g := &gitObject{id: fields[0], kind: fields[1]}
	switch g.kind {
	case "commit":
		err = g.commit(rest[:size])
	case "tag":
		g.tag(rest[:size])
	default:
		err = ident.Errorf(ident.KindUsage, "%.60q is a %s, and commits and tags are signed", rev, g.kind)
	}
	return g, err
}

// bounded keeps what is written to it, up to a size.
type bounded struct {
	bytes.Buffer
	most int
	over bool
}

var errOver = errors.New("more than is taken")

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		b.over = true
		return 0, errOver
	}
	return b.Buffer.Write(p)
}

// commit takes a commit apart: the signature stands in a header whose lines go on with a
// space, and is over the commit without such headers (git-commit-tree, "gpgsig").
func (g *gitObject) commit(raw []byte) error {
	name := "gpgsig "
	if len(g.id) == 64 {
		name = "gpgsig-sha256 "
	}
	var content, signature bytes.Buffer
	inside, ours := false, false // within a signature, and the one of this repository's kind
	for rest, head := raw, true; len(rest) > 0; {
		var line []byte
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i+1], rest[i+1:]
		} else {
			line, rest = rest, nil
		}
		if !head {
			content.Write(line)
			continue
		}
		switch text := string(line); {
		case inside && strings.HasPrefix(text, " "):
			if ours {
				signature.WriteString(text[1:])
			}
			continue
		case strings.HasPrefix(text, "gpgsig ") || strings.HasPrefix(text, "gpgsig-sha256 "):
			inside = true
			var value string
			if value, ours = strings.CutPrefix(text, name); ours {
				if signature.Len() > 0 {
					return ident.Errorf(ident.KindIndeterminate, "the commit has two signatures, and two readers could judge two of them")
				}
				signature.WriteString(value)
			}
			continue
		case text == "\n":
			head = false
		case strings.HasPrefix(text, "committer "):
			g.at = identityTime(text)
		}
		inside = false
		content.Write(line)
	}
	g.content, g.signature = content.Bytes(), signature.Bytes()
	return nil
}

// tag takes a tag apart: the signature is the end of its message.
func (g *gitObject) tag(raw []byte) {
	g.content = raw
	for at := 0; at < len(raw); {
		line := raw[at:]
		for _, begin := range []string{"-----BEGIN SSH SIGNATURE-----", "-----BEGIN SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----"} {
			if bytes.HasPrefix(line, []byte(begin)) {
				g.content, g.signature = raw[:at], line
			}
		}
		i := bytes.IndexByte(line, '\n')
		if g.at.IsZero() && i > 0 && bytes.HasPrefix(line, []byte("tagger ")) {
			g.at = identityTime(string(line[:i]))
		}
		if i < 0 {
			break
		}
		at += i + 1
	}
}

// identityTime is the time at the end of "committer NAME <ADDRESS> SECONDS ZONE".
func identityTime(line string) time.Time {
	_, rest, _ := strings.Cut(line, "> ")
	seconds, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
