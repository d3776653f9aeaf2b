package eks

import (
	"fmt"
	"net/http"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

func refuse(status int, code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *wire.Error {
	return refuse(http.StatusBadRequest, "InvalidParameterException", format, args...)
}

func inUse(format string, args ...any) *wire.Error {
	return refuse(http.StatusConflict, "ResourceInUseException", format, args...)
}

func absent(format string, args ...any) *wire.Error {
	return refuse(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

func noCluster(name string) *wire.Error { return absent("No cluster found for name: %s.", name) }
