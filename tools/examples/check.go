package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// unbuilt is the vendor's image: referenced by tag, never built here, without SBOM on purpose.
const unbuilt = "vendor/shipping-labels"

// check holds the committed estate against what README.md says of it.
func check(dir string, book *recipes) error {
	var known map[string]digests
	raw, err := os.ReadFile(filepath.Join(dir, "images", "digests.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("digests.json: %w", err)
	}
	w, err := readWorld(filepath.Join(dir, "estate", "manifests"))
	if err != nil {
		return err
	}
	faults := append(checkImages(w, book, known), checkSBOMs(dir, book, known)...)
	faults = append(faults, checkIndexes(dir, known)...)
	faults = append(faults, checkDump(dir, known)...)
	faults = append(faults, checkSelectors(w)...)
	faults = append(faults, checkStory(w)...)
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	log.Printf("%d workloads, %d NetworkPolicies, %d ClusterNetworkPolicies, %d SBOMs: all as README.md says",
		len(w.workloads), len(w.policies), len(w.cluster), len(book.Images))
	return nil
}

// checkImages: a pinned reference names the digest of the last build; only the vendor's image is not built.
func checkImages(w *world, book *recipes, known map[string]digests) []error {
	var faults []error
	used := map[string]bool{}
	ref := regexp.MustCompile(`^` + regexp.QuoteMeta(book.Registry) + `/([a-z0-9/-]+):([A-Za-z0-9._-]+)(?:@(sha256:[0-9a-f]{64}))?$`)
	tags := map[string]string{}
	for _, r := range book.Images {
		tags[r.Name] = r.Tag
	}
	for _, x := range w.workloads {
		for _, c := range x.pod.Spec.Containers {
			m := ref.FindStringSubmatch(c.Image)
			if m == nil {
				faults = append(faults, fmt.Errorf("%s: image %q has an unexpected form", x.name(), c.Image))
				continue
			}
			used[m[1]] = true
			d, built := known[m[1]]
			switch {
			case m[1] == unbuilt && !built:
			case !built:
				faults = append(faults, fmt.Errorf("%s: image %s is built nowhere", x.name(), m[1]))
			case tags[m[1]] != m[2]:
				faults = append(faults, fmt.Errorf("%s: tag %s, but %s is built", x.name(), m[2], tags[m[1]]))
			case m[3] != "" && m[3] != d.pinned():
				faults = append(faults, fmt.Errorf("%s: %s is not the digest of the last build", x.name(), c.Image))
			}
		}
	}
	var idle []string
	for _, r := range book.Images {
		if !used[r.Name] {
			idle = append(idle, r.Name)
		}
	}
	if got := strings.Join(idle, " "); got != "catalog/recommendations" {
		faults = append(faults, fmt.Errorf("images that nothing runs: %q, want catalog/recommendations alone", got))
	}
	return faults
}

// checkSBOMs: each document names its image by the digest or the tag of the last build.
func checkSBOMs(dir string, book *recipes, known map[string]digests) []error {
	var faults []error
	for _, r := range book.Images {
		file := filepath.Join(dir, "estate", "sbom", r.sbomFile())
		raw, err := os.ReadFile(file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		manifest := strings.TrimPrefix(known[r.Name].Platforms[r.Platforms[0]].Manifest, "sha256:")
		tagOnly := r.SBOM == "cyclonedx-json" && r.Scan == "tag"
		if !bytes.Contains(raw, []byte(book.Registry+"/"+r.Name)) || !tagOnly && !bytes.Contains(raw, []byte(manifest)) {
			faults = append(faults, fmt.Errorf("%s does not name %s@sha256:%s", file, r.Name, manifest))
		}
	}
	return faults
}

// checkIndexes: the SHA-256 of each file is the digest that the manifests name.
func checkIndexes(dir string, known map[string]digests) []error {
	var faults []error
	for name, d := range known {
		if d.Index == "" {
			continue
		}
		file := filepath.Join(dir, "estate", "indexes", strings.ReplaceAll(name, "/", "-")+".json")
		raw, err := os.ReadFile(file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sum := sha256.Sum256(raw)
		if "sha256:"+hex.EncodeToString(sum[:]) != d.Index {
			faults = append(faults, fmt.Errorf("%s is not the index %s", file, d.Index))
		}
	}
	return faults
}

// checkDump: each image id of the dump is an index, manifest or configuration of the last build, or the vendor's image.
func checkDump(dir string, known map[string]digests) []error {
	raw, err := os.ReadFile(filepath.Join(dir, "dump", "cluster.yaml"))
	if err != nil {
		return []error{err}
	}
	built := map[string]bool{}
	for _, d := range known {
		built[d.Index] = true
		for _, id := range d.Platforms {
			built[id.Manifest], built[id.Config] = true, true
		}
	}
	var faults []error
	for _, m := range regexp.MustCompile(`imageID: (\S*?)([0-9a-f]{64})\n`).FindAllSubmatch(raw, -1) {
		if !built["sha256:"+string(m[2])] && !bytes.Contains(m[1], []byte(unbuilt)) {
			faults = append(faults, fmt.Errorf("dump/cluster.yaml: imageID %s%s is of no image that was built", m[1], m[2]))
		}
	}
	return faults
}

// checkSelectors: no policy of the estate selects nothing, on either side, except where a comment there says why.
func checkSelectors(w *world) []error {
	var faults []error
	for _, p := range w.policies {
		subjects := 0
		for _, x := range w.workloads {
			if p.selects(x) {
				subjects++
			}
		}
		if subjects == 0 {
			faults = append(faults, fmt.Errorf("NetworkPolicy %s/%s selects no workload", p.Metadata.Namespace, p.Metadata.Name))
		}
		for _, r := range append(append([]rule{}, p.Spec.Ingress...), p.Spec.Egress...) {
			for _, peer := range append(append([]peer{}, r.From...), r.To...) {
				if peer.IPBlock != nil || w.matches(p.Metadata.Namespace, peer) > 0 {
					continue
				}
				if p.Metadata.Namespace == "ledger" && p.Metadata.Name == "quarter-close" {
					continue // the OR that was meant as an AND: there is no such pod in ledger
				}
				faults = append(faults, fmt.Errorf("NetworkPolicy %s/%s has a peer that matches no workload: %+v", p.Metadata.Namespace, p.Metadata.Name, peer))
			}
		}
	}
	return faults
}

// story is what README.md tells: who reaches what from the internet-facing bff, at how many hops.
var story = map[string]int{
	"catalog/catalog-api": 1, "orders/orders-api": 1, "orders/cart": 1, "identity/token-issuer": 1, "kube-system/coredns": 1,
	"catalog/search": 2, "catalog/catalog-db": 2, "catalog/catalog-cache": 2, "orders/orders-db": 2, "orders/cart-cache": 2,
	"messaging/broker": 2, "identity/identity-db": 2, "backoffice/report-builder": 2,
	"ledger/ledger-api": 3, "ledger/ledger-db": 3, "ledger/reconcile": 3,
}

func checkStory(w *world) []error {
	var faults []error
	got := w.reach("storefront/bff")
	for name, hops := range story {
		if got[name] != hops {
			faults = append(faults, fmt.Errorf("storefront/bff reaches %s in %d hops, README.md says %d (0: not at all)", name, got[name], hops))
		}
	}
	for name, hops := range got {
		if _, told := story[name]; !told {
			faults = append(faults, fmt.Errorf("storefront/bff reaches %s in %d hops, and README.md does not say so", name, hops))
		}
	}
	return faults
}
