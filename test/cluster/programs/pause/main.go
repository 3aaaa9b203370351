// Pause is the first process of a pod's sandbox and of a node of the test cluster: it holds their namespaces open and
// takes up what its orphans leave.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	arrived := make(chan os.Signal, 16)
	signal.Notify(arrived, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	for each := range arrived {
		if each != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
	os.Exit(1)
}
