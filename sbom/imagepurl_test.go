package sbom_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
)

const aDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func ExampleParseImagePURL() {
	p, ok := sbom.ParseImagePURL("pkg:docker/registry.example/shop/web@1.4?platform=linux%2Famd64")
	fmt.Println(p.Reference, p.Platform, ok)
	// Output: registry.example/shop/web:1.4 linux/amd64 true
}

func TestParseImagePURL(t *testing.T) {
	at := "@" + strings.Replace(aDigest, ":", "%3A", 1)
	for purl, want := range map[string]string{
		// As bom, syft, trivy and BuildKit write them, and the examples of the purl specification.
		"pkg:oci/cellar" + at + "?arch=amd64&mediaType=application%2Fvnd.oci.image.manifest.v1%2Bjson&os=linux&repository_url=registry.local%2Fshop": "manifest D registry.local/shop/cellar@D",
		"pkg:oci/greeter" + at + "?mediaType=application%2Fvnd.oci.image.index.v1%2Bjson&repository_url=registry.local%2Fshop":                       "index D registry.local/shop/greeter@D",
		"pkg:oci/greeter" + at + "?mediaType=application%2Fvnd.docker.distribution.manifest.list.v2%2Bjson":                                          "index D",
		"pkg:oci/registry.local%2Fshop%2Fcellar" + at + "?arch=amd64&tag=2.0":                                                                        "unknown D",
		"pkg:oci/debian" + at + "?arch=amd64&repository_url=index.docker.io%2Flibrary%2Fdebian&tag=latest":                                           "unknown D docker.io/library/debian:latest@D",
		"pkg:oci/debian" + at + "?repository_url=docker.io":                                                                                          "unknown D docker.io/library/debian@D",
		"pkg:oci/static" + at + "?repository_url=https://gcr.io/distroless/static&tag=latest":                                                        "unknown D gcr.io/distroless/static:latest@D",
		"pkg:docker/registry.local/built/greeter@1.4?platform=linux%2Famd64":                                                                         "unknown registry.local/built/greeter:1.4 linux/amd64",
		"pkg:docker/localhost%3A5000/web@1":                                                                                                          "unknown localhost:5000/web:1",
		"pkg:docker/localhost:5000/web@1":                                                                                                            "unknown localhost:5000/web:1",
		"pkg:docker/nginx@1.27":                                                                                                                      "unknown docker.io/library/nginx:1.27",
		"pkg:docker/cassandra@latest#etc":                                                                                                            "unknown docker.io/library/cassandra:latest",
		"pkg:docker/customer/dockerimage@" + aDigest + "?repository_url=gcr.io":                                                                      "unknown D gcr.io/customer/dockerimage@D",
		"pkg:docker/alpine@3.19?digest=" + aDigest:                                                                                                   "unknown D docker.io/library/alpine:3.19@D",
		"pkg:docker/alpine": "unknown",
		"pkg:oci/x@sha256:12?repository_url=r.example/x": "unknown",
		"pkg:docker/UPPER@1":                             "unknown",
		"pkg:npm/docker@1":                               "",
		"pkg:docker":                                     "",
		"docker/nginx@1":                                 "",
		"":                                               "",
	} {
		p, ok := sbom.ParseImagePURL(purl)
		got := ""
		if ok {
			got = p.Role.String()
			for _, s := range []string{p.Digest.String(), p.Platform} {
				if s != "" {
					got += " " + s
				}
			}
			if !p.Reference.IsZero() {
				got = strings.TrimSuffix(got, " "+p.Platform) + " " + p.Reference.String()
				if p.Platform != "" {
					got += " " + p.Platform
				}
			}
		}
		if got = strings.ReplaceAll(got, aDigest, "D"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", purl, got, want)
		}
	}
}

func FuzzParseImagePURL(f *testing.F) {
	for _, s := range []string{"pkg:docker/registry.local/built/greeter@1.4?platform=linux%2Famd64", "pkg:oci/a@" + aDigest + "?mediaType=x.manifest&repository_url=r.example/a&tag=1", "pkg:docker/%zz@%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := sbom.ParseImagePURL(s)
		if !ok && p != (sbom.ImagePURL{}) {
			t.Fatalf("%q is none, and yet %+v", s, p)
		}
		if r := p.Reference; !r.IsZero() && (r.Tag == "" && r.Digest.IsZero() || r.Digest != p.Digest) {
			t.Fatalf("%q: the reference %s and the digest %s", s, r, p.Digest)
		}
	})
}
