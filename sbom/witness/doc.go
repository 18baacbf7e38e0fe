// Package witness holds an SBOM against what is really there: the packages that lock
// files resolve and that the package databases of an image have installed. What only one
// side lists is an omission or an addition, each with its place.
//
//	list, err := witness.Read("package-lock.json", raw)
//	r := witness.Compare(doc, []*witness.List{list})
//	fmt.Println(r.Omitted, r.Added, r.Unknown)
//
// It reads go.mod, go.sum, package-lock.json, npm-shrinkwrap.json, yarn.lock, pnpm-lock.yaml,
// poetry.lock, uv.lock, Pipfile.lock, Cargo.lock, Gemfile.lock, composer.lock, gradle.lockfile
// and the databases of dpkg, apk and rpm, given as bytes. It resolves nothing, and
// knows no ecosystem that no witness lists: what no witness speaks of is counted, and
// neither confirmed nor an addition.
package witness
