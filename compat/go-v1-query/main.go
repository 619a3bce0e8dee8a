// The AWS SDK for Go v1 against kew, a version that speaks the Query protocol.
package main

import "kew.example/v1core"

func main() {
	v1core.Main("The specified queue does not exist for this wsdl version.")
}
