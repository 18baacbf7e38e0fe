// Package kev decodes CISA's catalogue of Known Exploited Vulnerabilities in its JSON
// form (https://www.cisa.gov/known-exploited-vulnerabilities-catalog).
//
// It reads bytes and never files or the network, and it decides nothing: package
// vuln says which findings the catalogue names. A catalogue that holds fewer entries
// than it announces is refused, since what is missing would count as not exploited.
//
//	catalogue, err := kev.Decode(ctx, "known_exploited_vulnerabilities.json", data)
//	entry, known := catalogue.Find("CVE-2021-44228")
//	intelligence := &vuln.Intelligence{Exploited: catalogue}
package kev
