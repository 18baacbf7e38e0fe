// Package feeds keeps a cache of advisories up to date: from files, folders, checkouts
// and zip archives of OSV records, and from mirrors that serve them as osv.dev does
// (ECOSYSTEM/all.zip, ECOSYSTEM/modified_id.csv, ECOSYSTEM/ID.json).
//
// Only what changed is read anew. The cache is one file that is replaced as a whole, so
// that a crash leaves the one before. It matches nothing: package vuln does.
//
//	cache := &feeds.Cache{Dir: dir, Client: http.DefaultClient}
//	note, problems, err := cache.Update(ctx, feeds.Request{From: []string{"./all.zip"}, At: now})
//	advisories, note, err := cache.Load(ctx)
package feeds
