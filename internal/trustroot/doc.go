// Package trustroot keeps a trusted root current by TUF: it fetches the public good's or
// a mirror's, keeps it on disk, works from there while nothing is due or nobody answers,
// and says when the time that it may still be used for runs out.
//
//	r := trustroot.Repository{Dir: cache, Client: client}
//	raw, notes, err := r.TrustedRoot(ctx, now)
//	trust, err := verify.ParseTrustedRoot(raw)
//
// What it hands out was signed by the repository's keys and has not expired: a root that
// is too old is an error of KindIndeterminate and never used, since somebody who keeps us
// from fetching would otherwise keep a revoked key alive. It does not read what it
// fetches, which package verify does.
package trustroot
