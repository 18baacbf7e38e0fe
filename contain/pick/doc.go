// Package pick finds label selectors that pick exactly some workloads of a
// namespace: all of their pods, and no other pod if labels can separate them.
//
// A selector that lasts is worth more than a short one. What a Pick selects is
// decided in this order: all pods that were asked for, always; as few others as
// labels allow; no label that changes with a rollout, ever, and none that changes
// with a release (version, chart) unless nothing else separates; equalities
// (matchLabels) before In, In before Exists, NotIn and DoesNotExist, which also
// catch what nobody has thought of; then the fewest requirements; then keys that
// name an application; then the shortest text.
//
// It does not decide what to cut (package contain) and does not select
// namespaces: a Pick is about one.
//
//	p := pick.New(model)
//	got := p.Pick([]int{web, api})
//	fmt.Println(got.Selector, got.Also, got.NewPods)
package pick
