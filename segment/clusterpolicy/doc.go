// Package clusterpolicy translates ClusterNetworkPolicy objects
// (policy.networking.k8s.io/v1alpha2) into the policies of package segment.
//
// It evaluates nothing and knows no pods: what a rule means for a pair of
// endpoints is decided by package segment. An object that does not obey its
// API becomes a taint, so that its effect is unknown and never ignored.
//
//	policies, taints := clusterpolicy.Translate(set.ClusterNetworkPolicies)
//	model.Policies = append(model.Policies, policies...)
//	model.Taints = append(model.Taints, taints...)
package clusterpolicy
