package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/report"
)

// Policies are what images are judged by, of any kind, with what they refer to.
type Policies struct {
	Images     []*clusterimage.Policy
	Own        []*policy.Policy // VerificationPolicies
	Exceptions []policy.Exception
	Files      []report.PolicyFile // they were read from
	Roots      map[string]*clusterimage.TrustRoot
	// Secrets are public keys by the names of their Secrets, secret://namespace/name.
	Secrets map[string][]byte
	// Texts are policies in Rego and CUE that lie elsewhere, by clusterimage's references.
	Texts map[string]string
	// Notes say which of them could not be read, and Unread which servers did not answer.
	Notes  []string
	Unread []error
}

// files are those that policies were read from; none where there are no policies.
func (p *Policies) files() []report.PolicyFile {
	if p == nil {
		return nil
	}
	return p.Files
}

// Policies reads policies from files and folders, and the Secrets with public keys that
// they name from manifests. A policy that cannot be used is an error: what it would have
// refused must not pass without it.
func (l *Loader) Policies(ctx context.Context, paths, manifests []string) (*Policies, error) {
	files, err := l.ReadPolicies(ctx, paths)
	if err != nil {
		return nil, err
	}
	p, err := usable(files)
	if err != nil {
		return nil, err
	}
	if len(p.Images)+len(p.Own) == 0 {
		return nil, ident.Errorf(ident.KindFailure, "no policy was found").WithHint("a policy has one of the kinds %s", strings.Join(decode.Kinds(), ", "))
	}
	if err := l.eachResource(ctx, manifests, func(f file, root manifest.Value) error { return p.referred(root, f.name) }); err != nil {
		return nil, err
	}
	return p, l.remotePolicies(ctx, p)
}

// usable are the policies of files, none of which may have a fault.
func usable(files []decode.File) (*Policies, error) {
	p := &Policies{Roots: map[string]*clusterimage.TrustRoot{}, Secrets: map[string][]byte{}, Texts: map[string]string{}}
	for _, f := range files {
		if err := broken(f.Name, f.Faults); err != nil {
			return nil, err
		}
		p.Files = append(p.Files, report.PolicyFile{File: f.Name, Digest: f.Digest})
		for _, o := range f.Objects {
			if err := broken(f.Name, o.Faults); err != nil {
				return nil, err
			}
			switch {
			case o.Policy != nil:
				p.Own = append(p.Own, o.Policy)
			case o.Image != nil:
				p.Images = append(p.Images, o.Image)
			case o.Exception != nil:
				p.Exceptions = append(p.Exceptions, *o.Exception)
			case o.Root != nil:
				p.Roots[o.Name] = o.Root
			}
		}
	}
	return p, nil
}

// publicKeyName is the entry of a Secret that cosign keeps the public key in.
const publicKeyName = "cosign.pub"

// referred keeps what policies refer to of a resource: Secrets and ConfigMaps.
func (p *Policies) referred(v manifest.Value, file string) error {
	switch kind := v.Field("kind").Text(); {
	case strings.HasSuffix(kind, "List"):
		for _, item := range v.Field("items").Items() {
			if err := p.referred(item, file); err != nil {
				return err
			}
		}
	case kind == "Secret":
		return p.secret(v, file)
	case kind == "ConfigMap":
		p.configMap(v)
	}
	return nil
}

// configMap keeps the entries that policies name.
func (p *Policies) configMap(v manifest.Value) {
	name, namespace := named(v)
	for _, image := range p.Images {
		for _, i := range image.Inlines() {
			if c := i.ConfigMap; c == nil || c.Name != name || i.Reference() != "configmap://"+namespace+"/"+name+"/"+c.Key {
				continue
			}
			if entry := v.Field("data").Field(i.ConfigMap.Key); entry.Kind() != manifest.Absent {
				p.Texts[i.Reference()] = entry.Text()
			}
		}
	}
}

// named are the name and the namespace of a resource.
func named(v manifest.Value) (name, namespace string) {
	name, namespace = v.Field("metadata").Field("name").Text(), v.Field("metadata").Field("namespace").Text()
	if namespace == "" {
		namespace = "default"
	}
	return name, namespace
}

// secret keeps the public key of a Secret: its entry cosign.pub, or its only one.
func (p *Policies) secret(v manifest.Value, file string) error {
	name, namespace := named(v)
	var raw []byte
	entries := 0
	take := func(key string, b []byte) {
		if entries++; key == publicKeyName || entries == 1 {
			raw = b
		}
	}
	bad := func(key string) error {
		return ident.Errorf(ident.KindFailure, "the entry %.80q of the Secret %s/%s is no base64", key, namespace, name).At(fmt.Sprintf("%s:%d", file, v.At().Line))
	}
	for _, e := range v.Field("data").Entries() {
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Value.Text()), ""))
		if err != nil {
			return bad(e.Key)
		}
		take(e.Key, b)
	}
	for _, e := range v.Field("stringData").Entries() {
		take(e.Key, []byte(e.Value.Text()))
	}
	if entries == 1 || v.Field("data").Field(publicKeyName).Kind() != manifest.Absent || v.Field("stringData").Field(publicKeyName).Kind() != manifest.Absent {
		p.Secrets["secret://"+namespace+"/"+name] = raw
	}
	return nil
}

// elsewhere are the other repositories that authorities look into.
func (p *Policies) elsewhere() []registry.Elsewhere {
	if p == nil {
		return nil
	}
	var out []registry.Elsewhere
	for _, image := range p.Images {
		for _, a := range image.Authorities {
			for _, s := range a.Source {
				var at ident.ImageRef // zero: beside the image
				if s.OCI != "" {
					var err error
					if at, err = ident.ParseImageRef(s.OCI); err != nil {
						continue // the policy's reader refuses it
					}
				}
				out = append(out, registry.Elsewhere{Repository: at, TagPrefix: s.TagPrefix})
			}
		}
	}
	return out
}
