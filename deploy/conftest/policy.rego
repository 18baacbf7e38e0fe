# What an image needs, over the facts that cofferdam verified; by Conftest or OPA:
#
#     cofferdam gate IMAGE --policy policies -o json --output-file gate.json --warn-only
#     cofferdam verify image IMAGE --key cosign.pub -o json --output-file image.json
#     conftest test gate.json image.json --policy deploy/conftest
#
# Signatures, proofs and digests are verified by cofferdam; rules here are about what is
# left. A file that is neither of the two is denied: nothing passes for want of a rule.
package main

# Whose statements count here, beside what the command's own flags accepted.
issuers := {"https://token.actions.githubusercontent.com", "https://issuer.example"}

is_gate if {
	input.schemaVersion
	is_array(input.checks)
}

is_image if {
	input.schemaVersion
	is_array(input.candidates)
}

deny contains "this is neither the answer of `gate -o json` nor of `verify image -o json`" if {
	not is_gate
	not is_image
}

# gate: each check that did not pass, and each vulnerability that is exploited.
deny contains msg if {
	is_gate
	some check in input.checks
	object.get(check, "result", "") != "passed"
	object.get(check, "told", false) == false
	msg := sprintf("%s: %s: %s", [object.get(input, "image", ""), object.get(check, "name", ""), object.get(check, "found", "")])
}

deny contains msg if {
	is_gate
	some finding in input.findings
	finding.kev
	msg := sprintf("%s: %s in %s is known to be exploited", [object.get(input, "image", ""), finding.id, finding.purl])
}

# An answer about no digest is about a tag, which may mean something else tomorrow.
deny contains msg if {
	is_gate
	not startswith(object.get(input, "digest", ""), "sha256:")
	msg := sprintf("%s: nothing was resolved", [object.get(input, "image", "")])
}

deny contains msg if {
	is_gate
	result := object.get(input, "result", "has no result")
	result != "passed"
	msg := sprintf("%s: the gate %s", [object.get(input, "image", ""), result])
}

# verify image: verified, by a certificate of one of the issuers or by a key, and with
# provenance.
deny contains msg if {
	is_image
	verdict := object.get(input, "verdict", "no verdict")
	verdict != "verified"
	msg := sprintf("%s: %s: %s", [object.get(input, "image", ""), verdict, object.get(input, "message", "")])
}

deny contains msg if {
	is_image
	some question in object.get(input, "unchecked", ["nothing is said of that"])
	msg := sprintf("%s: not everything could be checked: %s", [object.get(input, "image", ""), question])
}

deny contains msg if {
	is_image
	count([f | some f in facts; startswith(f.predicateType, "https://slsa.dev/provenance/")]) == 0
	msg := sprintf("%s: nobody whom this policy knows attests provenance", [object.get(input, "image", "")])
}

facts contains f if {
	some c in input.candidates
	c.verdict == "verified"
	f := c.fact
	known(f.signer)
}

known(signer) if signer.certificate.issuer in issuers

known(signer) if signer.key.id
