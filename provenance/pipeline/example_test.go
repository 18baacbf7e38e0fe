package pipeline_test

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/provenance/pipeline"
)

func Example() {
	b, err := pipeline.Read(map[string]string{"JENKINS_URL": "https://jenkins.example/", "BUILD_URL": "https://jenkins.example/job/web/17/", "JOB_NAME": "web"}, pipeline.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.System, b.BuilderID)
	fmt.Println("not proved:", b.Unproven[0])
	// Output:
	// Jenkins https://jenkins.example
	// not proved: what was built: the job has no GIT_URL
}
