// Package quality says how good an SBOM is by the rules that auditors use: the "2026
// Minimum Elements" (CISA and partners), NTIA's of 2021, BSI TR-03183-2 v2.1 and the
// OpenChain Telco SBOM Guide v1.1. Each is a table of elements (Profiles); what an
// element asks is answered by one of three outcomes: present, declared unknown or
// withheld, absent; every answer that is not "present" leads to the place in the
// document by a pointer.
//
//	docs, _ := decode.Bytes(ctx, name, raw, decode.Limits{Details: true})
//	r := quality.Score(docs[0], quality.Options{At: now})
//	fmt.Println(r.Score, r.Grade, r.Profile("cisa-2026").Conforms)
//
// A policy (ParsePolicy) says which faults of a document are refused and which are only
// warned of; the default one refuses nothing.
//
// It is not for the schemas of the formats (sbom/schema), not for what licences permit
// (sbom/license/policy), and cannot tell whether what a document says is true.
package quality
