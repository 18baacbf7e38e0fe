package decode_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

const two = `apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: ours
spec:
  images:
  - glob: "r.example/**"
  authorities:
  - keyless:
      trustRootRef: private
      identities:
      - {issuer: https://i.example, subject: s}
---
apiVersion: policy.sigstore.dev/v1alpha1
kind: TrustRoot
metadata:
  name: %s
spec:
  remote: {mirror: https://tuf.example, root: eyJzaWduZWQiOnsiX3R5cGUiOiJyb290In0sInNpZ25hdHVyZXMiOlt7fV19}
`

func compiler() *policy.Compiler {
	c, err := policy.NewCompiler()
	if err != nil {
		panic(err)
	}
	return c
}

func read(texts ...string) []decode.File {
	var out []decode.File
	c := compiler()
	for i, t := range texts {
		out = append(out, decode.Read(context.Background(), manifest.Input{Name: fmt.Sprintf("%d.yaml", i), Data: []byte(t)}, c))
	}
	decode.Link(out)
	return out
}

// words are the faults of files in short: rule, place, path.
func words(files []decode.File) []string {
	var out []string
	add := func(fs []strict.Fault) {
		for _, f := range fs {
			level := ""
			if f.Warning {
				level = "warning "
			}
			out = append(out, fmt.Sprintf("%s%s %d:%d %s", level, f.Rule, f.At.Line, f.At.Column, f.Path))
		}
	}
	for _, f := range files {
		add(f.Faults)
		for _, o := range f.Objects {
			add(o.Faults)
		}
	}
	return out
}

func TestReadAndLink(t *testing.T) {
	cases := map[string]struct {
		texts []string
		want  string
	}{
		"both":                {[]string{fmt.Sprintf(two, "private")}, ""},
		"a root that is not":  {[]string{fmt.Sprintf(two, "other")}, "warning reference 10:7 spec.authorities[0].keyless.trustRootRef"},
		"twice":               {[]string{fmt.Sprintf(two, "private"), fmt.Sprintf(two, "private")}, "reference 4:3 metadata.name; reference 17:3 metadata.name"},
		"another version":     {[]string{strings.Replace(fmt.Sprintf(two, "private"), "v1beta1", "v1", 1)}, "value 1:1 apiVersion"},
		"another group":       {[]string{"apiVersion: cosigned.sigstore.dev/v1alpha1\nkind: ClusterImagePolicy\n"}, "value 1:1 apiVersion"},
		"another kind":        {[]string{"apiVersion: policy.sigstore.dev/v1beta1\nkind: ImagePolicy\n"}, "value 2:1 kind"},
		"no kind":             {[]string{"apiVersion: policy.sigstore.dev/v1beta1\n"}, "missing 1:1 "},
		"no object":           {[]string{"- a\n"}, "type 1:1 "},
		"a syntax error":      {[]string{"a: b\n  c: [d\n"}, "syntax 2:3 "},
		"a key twice":         {[]string{"apiVersion: x\nkind: y\nkind: z\n"}, "syntax 3:1 "},
		"no text":             {[]string{"a: \xff\n"}, "syntax 1:1 "},
		"a fault and a fault": {[]string{"- a\n---\nb: [\n---\n- c\n"}, "type 1:1 ; syntax 3:1 ; type 5:1 "},
		"deep":                {[]string{strings.Repeat("[", 200) + strings.Repeat("]", 200)}, "limit 1:1 "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(words(read(c.texts...)), "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLists(t *testing.T) {
	one := strings.SplitN(fmt.Sprintf(two, "private"), "---\n", 2)[0]
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(one), "\n", "\n  ") + "\n- apiVersion: v1\n  kind: ConfigMap\n"
	files := read(list)
	if f := files[0]; len(f.Objects) != 1 || f.Objects[0].Image == nil || f.Objects[0].Name != "ours" || f.Others != 1 || len(words(files)) > 0 {
		t.Errorf("%+v, %v", f, words(files))
	}
}

func TestRootWithoutWhatIsReferredTo(t *testing.T) {
	text := strings.Replace(fmt.Sprintf(two, "private"), "  remote: {mirror: https://tuf.example, root: eyJzaWduZWQiOnsiX3R5cGUiOiJyb290In0sInNpZ25hdHVyZXMiOlt7fV19}\n",
		"  sigstoreKeys: {timestampAuthorities: [{subject: {organization: o, commonName: c}, uri: https://t.example, certChain: AAAA}]}\n", 1)
	got := strings.Join(words(read(text)), "; ")
	if !strings.Contains(got, "trust-root") {
		t.Errorf("the chain is no certificate: %s", got)
	}
}

func Example() {
	f := decode.Read(context.Background(), manifest.Input{Name: "p.yaml", Data: []byte("apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n  autorities: []\n")}, compiler())
	for _, x := range f.Objects[0].Faults {
		fmt.Printf("%d:%d %s: %s\n", x.At.Line, x.At.Column, x.Message, x.Hint)
	}
	// Output:
	// 4:1 authorities is missing or empty: nobody could satisfy the policy: add a key, a keyless identity, or static: {action: pass} to let images through on purpose
	// 6:3 the field "autorities" is not known here: did you mean authorities?
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(two, "private")))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- kind: TrustRoot\n  apiVersion: policy.sigstore.dev/v1alpha1\n  spec: {sigstoreKeys: {tLogs: [{publicKey: AAAA}]}}\n"))
	f.Add([]byte(`{"apiVersion":"policy.sigstore.dev/v1alpha1","kind":"ClusterImagePolicy","spec":{"match":[{"selector":{}}],"images":[{"glob":"*"}],"authorities":[{"key":{"kms":"awskms:///x","data":"-----BEGIN"}}]}}`))
	f.Add([]byte(ours))
	f.Add([]byte(exception))
	corpus.Seed(f, "netpol/microservices-demo", ".yaml")
	c := compiler()
	f.Fuzz(func(t *testing.T, data []byte) {
		files := []decode.File{decode.Read(context.Background(), manifest.Input{Name: "f", Data: data}, c)}
		decode.Link(files)
		for _, o := range files[0].Objects {
			if strict.Broken(o.Faults) == (o.Image != nil || o.Root != nil || o.Policy != nil || o.Exception != nil) && !relinked(o.Faults) {
				t.Fatalf("usable and broken, or neither: %+v", o)
			}
			for _, x := range o.Faults {
				if x.At.Line < 1 || x.At.Column < 1 || x.Message == "" || x.Rule == "" {
					t.Fatalf("a fault without a place: %+v", x)
				}
			}
		}
	})
}

// relinked reports whether a fault was found in what stands beside an object, which
// does not unmake it.
func relinked(fs []strict.Fault) bool {
	for _, f := range fs {
		if f.Rule == decode.RuleReference {
			return true
		}
	}
	return false
}
