// Package cni knows what network plugins enforce: one table of facts, each with
// where it was read (Facts), the profiles that follow from it, and which plugin
// a cluster runs, as far as its DaemonSets and ConfigMaps tell.
//
// It translates no policy (the front ends of package segment do), it asks no
// cluster, and it guesses nothing: what no source establishes is unknown, and so
// are the verdicts that hang on it. docs/design/cni-profiles.md is the table as
// a page, with what is not established.
//
//	profile, ok := cni.ByName("cilium")
//	profile, err := cni.Choose(set.Estate)
//	fmt.Println(profile) // cilium 1.19 (detected)
package cni
