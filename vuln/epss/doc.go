// Package epss decodes the daily scores of the Exploit Prediction Scoring System
// (https://www.first.org/epss/data_stats): CSV, plain or compressed with gzip, whose
// first line names the model and the day.
//
// It reads bytes and never files or the network, and it decides nothing. A file with
// a broken row is refused whole: a score that is missing reads as unlikely.
//
//	scores, err := epss.Decode(ctx, "epss_scores-2026-11-20.csv.gz", data, epss.Limits{})
//	score, known := scores.Find("CVE-2021-44228") // 0.94, in the 99.9th percentile
//	intelligence := &vuln.Intelligence{Likelihoods: scores}
package epss
