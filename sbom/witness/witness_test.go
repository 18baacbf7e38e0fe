package witness_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
)

func doc(purls ...string) *sbom.Document {
	d := &sbom.Document{}
	for i, p := range purls {
		d.Components = append(d.Components, sbom.Component{PURL: p, Pointer: fmt.Sprintf("/components/%d", i)})
	}
	return d
}

const npm3 = `{"name":"app","lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},"node_modules/lodash":{"version":"4.17.21"},
	"node_modules/@babel/core":{"version":"7.0.0","dev":true},"node_modules/a":{"version":"1.0.0"},"node_modules/a/node_modules/lodash":{"version":"3.0.0"},
	"node_modules/alias":{"name":"real","version":"2.0.0"},"packages/own":{"version":"1.0.0"},"node_modules/own":{"link":true,"resolved":"packages/own"},"node_modules/git":{"version":"git+ssh://x"},"node_modules/opt":{"version":"1.0.0","optional":true}}}`

const npm1 = `{"lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.21"},"a":{"version":"1.0.0","dependencies":{"lodash":{"version":"3.0.0"}}},"alias":{"version":"npm:real@2.0.0"},"dev":{"version":"1.0.0","dev":true}}}`

const gomod = "module example.org/app\n\ngo 1.26\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d/v2 v2.0.0 // indirect\n\texample.org/local v0.0.0\n\tgithub.com/old/x v1.0.0\n)\n\nreplace example.org/local => ./local\n\nreplace github.com/old/x => github.com/new/x v1.1.0\n"

const cargo = "# made by Cargo\nversion = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n]\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n"

const poetry = "[[package]]\nname = \"Django\"\nversion = \"5.0\"\ndescription = \"A [[package]]\"\n\n[package.dependencies]\nname = \">=1\"\nasgiref = \">=3\"\n\n[[package]]\nname = \"requests\"\nversion = \"2.0\" # kept\n\n[metadata]\nversion = \"2.0\"\n"

const uv = "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\n\n[[package]]\nname = \"idna\"\nversion = \"3.7\"\nsource = { registry = \"https://pypi.org/simple\" }\n"

const status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nDescription: a\n more: text\n .\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: bash\nStatus: install ok installed\nVersion: 1:5.2-2\n\nPackage: half\nStatus: install ok half-configured\nVersion: 3\n"

const installed = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl.so\n\nP:zlib\nV:1.3.1-r1\n"

func list(tb testing.TB, name, raw string) *witness.List {
	tb.Helper()
	var l *witness.List
	var err error
	switch name {
	case "status":
		l, err = witness.Dpkg(name, []byte(raw))
	case "installed":
		l, err = witness.Apk(name, []byte(raw))
	default:
		l, err = witness.Read(name, []byte(raw))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func Example() {
	l, _ := witness.Read("package-lock.json", []byte(npm3))
	r := witness.Compare(doc("pkg:npm/lodash@4.17.21", "pkg:npm/ghost@1.0.0"), []*witness.List{l})
	fmt.Println(r.Matched, r.Added[0].Package, r.Omitted[0])
	// Output: 1 pkg:npm/ghost@1.0.0 {pkg:npm/a@1.0.0 package-lock.json/packages/node_modules~1a }
}

func TestReaders(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"package-lock.json", npm3, "lodash@4.17.21 @babel/core@7.0.0(dev) a@1.0.0 lodash@3.0.0 real@2.0.0 opt@1.0.0(optional) | git has no version of the registry's"},
		{"package-lock.json", `{"packages":{"node_modules/":{"version":"0"}}}`, "| /packages/node_modules~1 has no name"},
		{"a/package-lock.json", npm1, "lodash@4.17.21 lodash@3.0.0 a@1.0.0 real@2.0.0 dev@1.0.0(dev) |"},
		{"go.mod", gomod, "github.com/a/b@v1.2.3(needed by packages or tests) github.com/c/d/v2@v2.0.0(needed by packages or tests) github.com/new/x@v1.1.0(needed by packages or tests) | example.org/local is replaced by a folder, whose version go.mod does not tell"},
		{"go.sum", "github.com/a/b v1.2.3 h1:x=\ngithub.com/a/b v1.2.3/go.mod h1:y=\n", "github.com/a/b@v1.2.3 |"},
		{"Cargo.lock", cargo, "serde@1.0.0(perhaps of another platform, a build or a test) |"},
		{"poetry.lock", poetry, "Django@5.0(perhaps of a group that is not installed) requests@2.0(perhaps of a group that is not installed) |"},
		{"uv.lock", uv, "idna@3.7(perhaps of a group or a platform that is not installed) |"},
		{"yarn.lock", yarn1, "@babel/core@7.1.0(U) lodash@4.17.21(U) real@2.0.0(U) | forked comes from git+ssh://git@example.com/a/b.git#0a2d, and not from a registry; short comes from user/repo#main, and not from a registry; none@^1 has no version"},
		{"yarn.lock", yarn4, "@babel/core@7.1.0(U) real@2.0.0(U) typescript@5.4.0(U) long@1.0.0(U) | forked comes from https://example.com/a/b.git#commit=0a2d, and not from a registry; near comes from file:../near#../near::hash=1&locator=app%40workspace%3A., and not from a registry"},
		{"pnpm-lock.yaml", pnpm5, "lodash@4.17.21 @babel/core@7.0.0 is-number@7.0.0(dev) fsevents@2.3.3(optional) | example.com/foo/1.2.0 has no version of the registry's; forked has no version of the registry's"},
		{"pnpm-lock.yaml", pnpm6, "lodash@4.17.21 @babel/core@7.0.0 is-number@7.0.0(dev) | file:near has no version of the registry's"},
		{"pnpm-lock.yaml", pnpm9, "lodash@4.17.21(U) @babel/core@7.0.0-rc.1(U) | forked@https://example.com/a/b/tar.gz/0a2d has no version of the registry's"},
		{"Gemfile.lock", gemfile, "nokogiri@1.16.0(perhaps of a group or a platform that is not installed) nokogiri@1.16.0(perhaps of a group or a platform that is not installed) racc@1.7.3(perhaps of a group or a platform that is not installed) | forked comes from GIT, and not from a registry"},
		{"gems.locked", "GEM\n  specs:\n    racc (1.7.3)\n", "racc@1.7.3(perhaps of a group or a platform that is not installed) |"},
		{"composer.lock", composer, "symfony/console@v5.4.0 psr/log@3.0.0 phpunit/phpunit@10.0.0(dev) | a/branch is at dev-main, which is no release; a/alias is at 3.x-dev, which is no release; /packages/4 has no name"},
		{"Pipfile.lock", pipfile, "django@5.0 colorama@0.4.6(where its markers hold) pytest@8.0.0(dev) sphinx@7.0.0(of the category docs) | forked has no version of the registry's; loose has no version of the registry's"},
		{"gradle.lockfile", gradle, "com.google.guava/guava@33.0.0-jre org.junit/junit@5.0.0(of no configuration that is run) com.android.x/y@1.0 |"},
		{"status", status, "libc6@2.36-9 bash@1:5.2-2 half@3 | half is half-configured"},
		{"installed", installed, "musl@1.2.5-r0 zlib@1.3.1-r1 |"},
	} {
		l := list(t, c.name, c.raw)
		got := ""
		for _, p := range l.Packages {
			got += p.Name + "@" + p.Version
			if p.Perhaps != "" {
				got += "(" + strings.Replace(p.Perhaps, "perhaps of development, or of another platform", "U", 1) + ")"
			}
			got += " "
			if p.Line == 0 && p.Pointer == "" {
				t.Errorf("%s: where %s stands is not said", c.name, p.Name)
			}
		}
		got = strings.TrimSpace(got + "| " + strings.Join(l.Unknown, "; "))
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		kind      ident.Kind
	}{
		{"Podfile.lock", "", ident.KindUnsupported}, {"package-lock.json", "null", ident.KindInvalid}, {"composer.lock", "null", ident.KindInvalid}, {"Pipfile.lock", "null", ident.KindInvalid},
		{"yarn.lock", "", ident.KindInvalid}, {"yarn.lock", yarn1 + "<<<<<<< HEAD\n", ident.KindInvalid}, {"pnpm-lock.yaml", "", ident.KindInvalid}, {"pnpm-lock.yaml", pnpm6 + "<<<<<<< HEAD\n", ident.KindInvalid},
		{"pnpm-lock.yaml", "lockfileVersion: 4\n", ident.KindUnsupported}, {"pnpm-lock.yaml", "lockfileVersion: '10.0'\n", ident.KindUnsupported}, {"pnpm-lock.yaml", "packages:\n  /a@1.0.0:\n", ident.KindInvalid},
		{"pnpm-lock.yaml", "lockfileVersion: 6\npackages: {/a@1.0.0: {}}\n", ident.KindInvalid}, {"pnpm-lock.yaml", "lockfileVersion: 6\npackages:\n   /a@1.0.0:\n", ident.KindInvalid}, {"pnpm-lock.yaml", "lockfileVersion: 6\npackages:\n  /a@1.0.0: &x\n", ident.KindInvalid},
		{"Gemfile.lock", "hello\n", ident.KindInvalid}, {"Gemfile.lock", "GEM\n  specs:\n    rack\n", ident.KindInvalid}, {"Gemfile.lock", "VERSIONS\n", ident.KindInvalid}, {"gradle.lockfile", "a:b:1\n", ident.KindInvalid},
		{"gradle.lockfile", "a:b=c\n", ident.KindInvalid}, {"gradle.lockfile", "", ident.KindInvalid}, {"composer.lock", "{}", ident.KindInvalid}, {"composer.lock", `{"packages":[`, ident.KindInvalid}, {"Pipfile.lock", "{}", ident.KindInvalid},
		{"package-lock.json", "[]", ident.KindInvalid}, {"package-lock.json", `{"packages":{`, ident.KindInvalid}, {"go.mod", "require x", ident.KindInvalid},
		{"package-lock.json", strings.Repeat(`{"dependencies":{"a":`, 2000), ident.KindInvalid}, {"go.sum", "a b", ident.KindInvalid}, {"Cargo.lock", "[[package]]\nversion = \"1\"\n", ident.KindInvalid},
		{"Cargo.lock", "[[package]]\nname = \"\"\"\n", ident.KindInvalid}, {"uv.lock", "hello", ident.KindInvalid}, {"poetry.lock", "[[package]]\nname = \"a\\u0041\"\n", ident.KindInvalid},
	} {
		if _, err := witness.Read(c.name, []byte(c.raw)); ident.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s %.30q: %v", c.name, c.raw, err)
		}
	}
	if _, err := witness.Dpkg("status", []byte("hello\n")); ident.KindOf(err) != ident.KindInvalid {
		t.Error(err)
	}
	if _, err := witness.Dpkg("status", []byte("Version: 1\n")); ident.KindOf(err) != ident.KindInvalid {
		t.Error(err)
	}
	if _, err := witness.Apk("installed", []byte("hello\n")); ident.KindOf(err) != ident.KindInvalid {
		t.Error(err)
	}
	if _, err := witness.Apk("installed", []byte("V:1\n")); ident.KindOf(err) != ident.KindInvalid {
		t.Error(err)
	}
	if _, err := witness.Read("go.sum", make([]byte, witness.MaxBytes+1)); ident.KindOf(err) != ident.KindLimit {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		purls     []string
		want      string
	}{
		{"package-lock.json", npm3, []string{"pkg:npm/lodash@4.17.21", "pkg:npm/a@1.1.0", "pkg:npm/ghost@1", "pkg:pypi/x@1", ""},
			"1 matched, omitted [pkg:npm/lodash@3.0.0 pkg:npm/real@2.0.0], perhaps [pkg:npm/%40babel/core@7.0.0 pkg:npm/opt@1.0.0], added [pkg:npm/ghost@1], versions [pkg:npm/a@1.1.0 is 1.0.0], 2 not judged, 1 unknown"},
		{"pnpm-lock.yaml", pnpm6, []string{"pkg:npm/lodash@4.17.21", "pkg:npm/%40babel/core@7.0.1"}, "1 matched, omitted [], perhaps [pkg:npm/is-number@7.0.0], added [], versions [pkg:npm/%40babel/core@7.0.1 is 7.0.0], 0 not judged, 1 unknown"},
		{"yarn.lock", yarn4, []string{"pkg:npm/%40babel/core@7.1.0"}, "1 matched, omitted [], perhaps [pkg:npm/long@1.0.0 pkg:npm/real@2.0.0 pkg:npm/typescript@5.4.0], added [], versions [], 0 not judged, 2 unknown"},
		{"gradle.lockfile", gradle, []string{"pkg:maven/com.google.guava/guava@33.0.0-jre?type=jar"}, "1 matched, omitted [], perhaps [pkg:maven/com.android.x/y@1.0 pkg:maven/org.junit/junit@5.0.0], added [], versions [], 0 not judged, 0 unknown"},
		{"composer.lock", composer, []string{"pkg:composer/symfony/console@v5.4.0"}, "1 matched, omitted [pkg:composer/psr/log@3.0.0], perhaps [pkg:composer/phpunit/phpunit@10.0.0], added [], versions [], 0 not judged, 3 unknown"},
		{"poetry.lock", poetry, []string{"pkg:pypi/django@5.0", "pkg:pypi/evil@1"}, "1 matched, omitted [], perhaps [pkg:pypi/requests@2.0], added [pkg:pypi/evil@1], versions [], 0 not judged, 0 unknown"},
		{"go.sum", "github.com/a/b v1.2.3 h1:x=\ngithub.com/z/z v1.0.0 h1:x=\n", []string{"pkg:golang/github.com/a/b@1.2.3", "pkg:golang/stdlib@1.26", "pkg:golang/example.org/app@(devel)", "pkg:golang/github.com/shadow/x@v1.0.0"},
			"1 matched, omitted [], perhaps [], added [pkg:golang/github.com/shadow/x@v1.0.0], versions [], 2 not judged, 0 unknown"},
		{"status", status, []string{"pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12", "pkg:deb/debian/bash@5.2-2?epoch=1", "pkg:deb/debian/half@3"}, "3 matched, omitted [], perhaps [], added [], versions [], 0 not judged, 1 unknown"},
		{"installed", installed, []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64"}, "1 matched, omitted [pkg:apk/zlib@1.3.1-r1], perhaps [], added [], versions [], 0 not judged, 0 unknown"},
	} {
		r := witness.Compare(doc(c.purls...), []*witness.List{list(t, c.name, c.raw)})
		var omitted, perhaps, added, versions []string
		for _, o := range r.Omitted {
			omitted = append(omitted, o.Package)
		}
		for _, o := range r.Perhaps {
			perhaps = append(perhaps, o.Package)
		}
		for _, o := range r.Added {
			added = append(added, o.Package)
		}
		for _, o := range r.Versions {
			versions = append(versions, o.Package+" is "+o.Found)
		}
		if got := fmt.Sprintf("%d matched, omitted %v, perhaps %v, added %v, versions %v, %d not judged, %d unknown", r.Matched, omitted, perhaps, added, versions, r.NotJudged, len(r.Unknown)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	names := append(witness.Files(), "status", "installed")
	for _, raw := range []string{gomod, "github.com/a/b v1.2.3 h1:x=\n", npm3, npm1, poetry, uv, cargo, status, installed, yarn1, yarn4, pnpm5, pnpm6, pnpm9, gemfile, composer, pipfile, gradle} {
		for i := range names {
			f.Add(i, []byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, i int, raw []byte) {
		name := names[int(uint(i)%uint(len(names)))] //nolint:gosec // an index
		read := witness.Read
		switch name {
		case "status":
			read = witness.Dpkg
		case "installed":
			read = witness.Apk
		}
		l, err := read(name, raw)
		if err != nil {
			return
		}
		d := &sbom.Document{}
		for _, p := range l.Packages {
			if p.Name == "" || p.Version == "" {
				t.Fatalf("%s: %+v", name, p)
			}
		}
		r := witness.Compare(d, []*witness.List{l})
		if r.Matched+len(r.Added) > 0 || len(r.Omitted)+len(r.Perhaps) > len(l.Packages) {
			t.Errorf("%s: %+v", name, r)
		}
	})
}
