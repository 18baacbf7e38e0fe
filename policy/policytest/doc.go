// Package policytest is the test language of policies: what is known of an image is
// written down (ImageFacts), policies judge it, and the verdict is held against what
// was expected (PolicyTest). docs/policies.md describes both formats.
//
//	suite, faults := policytest.ReadSuite(document)
//	in, faults := policytest.ReadFacts(image)
//	result := suite.Cases[0].Run(policies, exceptions, in) // result.Wrong is empty where all is as expected
//
// Facts that are written down are assertions of whoever wrote them: they are good for
// tests and simulations, and for no decision about an image.
package policytest
