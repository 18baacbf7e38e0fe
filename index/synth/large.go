package synth

import (
	"bufio"
	"fmt"
	"io"
)

// Large is a shape of one long document, as a scanner writes it of an image or a
// monorepo that has very much in it.
type Large struct {
	Name  string // "files", "packages", "cyclonedx"
	About string
	write func(w *counted, size int64)
}

// LargeShapes returns the shapes. All that is made has the component
// pkg:npm/package-7@1.7 among others, from a document of 10,000 bytes on.
func LargeShapes() []Large {
	return []Large{
		{"files", "SPDX 2.3, a sixteenth of it packages and the rest files", largeFiles},
		{"packages", "SPDX 2.3, nothing but packages, each of them new", largePackages},
		{"cyclonedx", "CycloneDX 1.6, components, each of them new, and what they depend on", largeCycloneDX},
	}
}

// Write writes a document of about size bytes, a few hundred more at most, the same for
// the same size. The error is w's.
func (l Large) Write(w io.Writer, size int64) error {
	out := &counted{to: bufio.NewWriterSize(w, 1<<16)}
	l.write(out, size)
	return out.to.Flush() // the first error that there was
}

// counted is a buffer that knows how much was written.
type counted struct {
	to *bufio.Writer
	n  int64
}

func (c *counted) add(format string, args ...any) {
	n, _ := fmt.Fprintf(c.to, format, args...) // Flush says what went wrong
	c.n += int64(n)
}

// list writes what item does, with commas between, until size bytes have been written.
func (c *counted) list(size int64, item func(i uint64)) {
	for i := uint64(0); c.n < size; i++ {
		if i > 0 {
			c.add(",")
		}
		item(i)
	}
}

// spread makes another number of 64 bits of each.
func spread(i uint64) uint64 { return (i + 1) * 0x9e3779b97f4a7c15 }

const largeHead = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"large","documentNamespace":"https://scanner.example/large","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: made-1"]},"packages":[`

func largeFiles(w *counted, size int64) {
	w.add(largeHead)
	w.list(size/16, func(i uint64) {
		w.add(`{"SPDXID":"SPDXRef-Package-%d","name":"package-%d","versionInfo":"1.%d","supplier":"Organization: Somebody","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"MIT","copyrightText":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/package-%d@1.%d"}]}`, i, i, i%50, i, i%50)
	})
	w.add(`],"files":[`)
	w.list(size, func(i uint64) {
		h := i * 0x9e3779b97f4a7c15
		w.add(`{"fileName":"/usr/share/doc/thing-%d/file-%d.txt","SPDXID":"SPDXRef-File-%016x","fileTypes":["TEXT"],"checksums":[{"algorithm":"SHA256","checksumValue":"%016x%016x%016x%016x"}],"licenseConcluded":"NOASSERTION","copyrightText":""}`, i%7919, i, h, h, h*3, h*5, h*7)
	})
	w.add(`]}`)
}

func largePackages(w *counted, size int64) {
	w.add(largeHead)
	w.list(size, func(i uint64) {
		h, v := spread(i), i%50
		w.add(`{"SPDXID":"SPDXRef-Package-npm-package-%d-%016x","name":"package-%d","versionInfo":"1.%d","supplier":"Organization: Somebody %d","downloadLocation":"https://registry.example/package-%d/-/package-%d-1.%d.tgz","filesAnalyzed":false,"licenseConcluded":"NOASSERTION","licenseDeclared":"MIT","copyrightText":"NOASSERTION",`+
			`"checksums":[{"algorithm":"SHA256","checksumValue":"%016x%016x%016x%016x"}],"externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:package-%d:package-%d:1.%d:*:*:*:*:*:*:*"},{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/package-%d@1.%d"}]}`,
			i, h, i, v, i%100, i, i, v, h, h*3, h*5, h*7, i, i, v, i, v)
	})
	w.add(`]}`)
}

// A component takes about three times as many bytes as what it depends on.
func largeCycloneDX(w *counted, size int64) {
	ref := func(i uint64) string {
		return fmt.Sprintf("pkg:npm/package-%d@1.%d?package-id=%016x", i, i%50, spread(i))
	}
	w.add(`{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,"metadata":{"timestamp":"2026-01-02T03:04:05Z",` +
		`"tools":{"components":[{"type":"application","author":"made","name":"made","version":"1"}]},"component":{"bom-ref":"large","type":"container","name":"registry.example/large","version":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},"components":[`)
	n := uint64(0)
	w.list(size/4*3, func(i uint64) {
		h, v := spread(i), i%50
		w.add(`{"bom-ref":"%s","type":"library","publisher":"Somebody %d","name":"package-%d","version":"1.%d","hashes":[{"alg":"SHA-256","content":"%016x%016x%016x%016x"}],"licenses":[{"license":{"id":"MIT"}}],"cpe":"cpe:2.3:a:package-%d:package-%d:1.%d:*:*:*:*:*:*:*","purl":"pkg:npm/package-%d@1.%d",`+
			`"properties":[{"name":"syft:package:foundBy","value":"javascript-lock-cataloger"},{"name":"syft:package:language","value":"javascript"},{"name":"syft:location:0:path","value":"/app/package-lock.json"}]}`,
			ref(i), i%100, i, v, h, h*3, h*5, h*7, i, i, v, i, v)
		n = i + 1
	})
	w.add(`],"dependencies":[{"ref":"large","dependsOn":["%s"]}`, ref(0))
	for i := uint64(0); i < n && w.n < size; i++ {
		w.add(`,{"ref":"%s","dependsOn":["%s","%s"]}`, ref(i), ref((i+1)%n), ref((i*7+3)%n))
	}
	w.add(`]}`)
}
