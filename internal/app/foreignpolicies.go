package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/confine"
	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// foreign is what policies in Rego and CUE need to be evaluated, until the context ends.
func (p *Policies) foreign(ctx context.Context) clusterimage.Resolved {
	r := clusterimage.Resolved{Ask: func(language, source string, document []byte) (string, []string, error) {
		return confine.Evaluate(ctx, confine.Policy{Language: language, Source: source}, document)
	}}
	if p != nil {
		r.Texts = p.Texts
	}
	return r
}

// checkForeign adds what is wrong with the policies in other languages that resources hold.
func checkForeign(ctx context.Context, files []decode.File) error {
	for i := range files {
		for j := range files[i].Objects {
			o := &files[i].Objects[j]
			if o.Image == nil {
				continue
			}
			for _, p := range o.Image.Inlines() {
				if p.Reference() != "" {
					continue
				}
				err := confine.Check(ctx, confine.Policy{Language: p.Type, Source: p.Data})
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					o.Faults = append(o.Faults, p.Fault(err.Error(), hintOf(err)))
				}
			}
			strict.Sort(o.Faults)
		}
	}
	return nil
}

// remotePolicies fetches the policies that lie at an address, or takes them from the
// cache, and believes what has the digest that the policy names and nothing else. What
// cannot be had is a note, or a question that was not answered: the policy that needs it
// cannot be evaluated then. An error is a text with another digest.
func (l *Loader) remotePolicies(ctx context.Context, p *Policies) error {
	client := signing.New(l.Transport)
	for _, image := range p.Images {
		for _, i := range image.Inlines() {
			if i.Remote == nil || p.Texts[i.Reference()] != "" {
				continue
			}
			text, err := l.remotePolicy(ctx, client, i.Remote, p)
			switch k := ident.KindOf(err); {
			case err == nil:
				p.Texts[i.Reference()] = string(text)
			case ctx.Err() != nil:
				return ctx.Err()
			case k == ident.KindRefused:
				return located(i.Remote.URL, err)
			case k == ident.KindIndeterminate:
				p.Unread = append(p.Unread, err)
			default:
				p.Notes = append(p.Notes, fmt.Sprintf("the policy at %s was not read: %v", i.Remote.URL, err))
			}
		}
	}
	return nil
}

func (l *Loader) remotePolicy(ctx context.Context, client *signing.Client, r *clusterimage.Remote, p *Policies) ([]byte, error) {
	kept := ""
	if l.Cache != "" {
		kept = filepath.Join(l.Cache, "policies", r.SHA256.Hex())
		// What lies there may have been changed by others: it is held against its name.
		if info, err := os.Stat(kept); err == nil && info.Size() <= confine.MaxSource {
			if b, err := os.ReadFile(kept); err == nil && ident.SHA256(b) == r.SHA256 {
				return b, nil
			}
		}
	}
	l.progress("fetching policies", 0, 0)
	b, err := client.Document(ctx, "the policy's server", r.URL)
	if err != nil {
		return nil, err
	}
	if got := ident.SHA256(b); got != r.SHA256 {
		return nil, ident.Errorf(ident.KindRefused, "what is served has the digest %s, and the policy asks for %s", got, r.SHA256).WithHint("somebody changed it: read what is there before its sha256sum goes into the policy")
	}
	if kept != "" {
		if err := keep(kept, b); err != nil {
			p.Notes = append(p.Notes, "the policy at "+r.URL+" is not kept: "+err.Error())
		}
	}
	return b, nil
}

// keep writes a file into a folder that is made where it is missing.
func keep(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(name, 0o600, wholefile.Bytes(b))
}
