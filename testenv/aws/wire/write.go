package wire

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
)

// Request ids do not matter to anybody here.
const requestID = "00000000-0000-4000-8000-000000000000"

// errInternal is what a client is told of the simulation's own mistakes.
const errInternal = "InternalFailure"

// Write writes what an operation answered: JSON for EKS and Logs, and for the others a
// struct with xml tags for what stands inside of the answer. nil is an answer without
// content. An error is one of the answer, about which nothing was written.
func Write(w http.ResponseWriter, c *Call, answer any) error {
	w.Header().Set("X-Amzn-Requestid", requestID)
	switch c.Service {
	case "eks", "logs":
		if answer == nil {
			answer = struct{}{}
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-amz-json-1.1"}[c.Service == "eks"])
		_, _ = w.Write(raw) // who asked has gone
		return nil
	}
	text, err := document(c, answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(text) // who asked has gone
	return nil
}

// document is the XML of an answer: EC2 puts members right into the response, the others
// into a result inside of it.
func document(c *Call, answer any) ([]byte, error) {
	name := c.Operation + "Result"
	if c.Service == "ec2" {
		name = c.Operation + "Response"
	}
	if answer == nil {
		answer = struct{}{}
	}
	inner, err := element(name, answer)
	if err != nil {
		return nil, err
	}
	if c.Service == "ec2" {
		return append([]byte(xml.Header), inner...), nil
	}
	return fmt.Appendf([]byte(xml.Header), "<%[1]sResponse>%[2]s<ResponseMetadata><RequestId>%[3]s</RequestId></ResponseMetadata></%[1]sResponse>", c.Operation, inner, requestID), nil
}

func element(name string, v any) ([]byte, error) {
	var out bufferOf
	enc := xml.NewEncoder(&out)
	if err := enc.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
		return nil, err
	}
	return out, enc.Close()
}

type bufferOf []byte

func (b *bufferOf) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// WriteError writes an error as the service of the call writes one.
func WriteError(w http.ResponseWriter, c *Call, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Status: http.StatusInternalServerError, Code: errInternal, Message: err.Error()}
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("X-Amzn-Requestid", requestID)
	var body []byte
	switch c.Service {
	case "eks", "logs":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", e.Code)
		body, _ = json.Marshal(map[string]string{"__type": e.Code, "message": e.Message})
	case "ec2":
		w.Header().Set("Content-Type", "text/xml")
		body, _ = element("Response", struct {
			Code    string `xml:"Errors>Error>Code"`
			Message string `xml:"Errors>Error>Message"`
			Request string `xml:"RequestID"`
		}{e.Code, e.Message, requestID})
	default:
		kind := "Sender"
		if status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		w.Header().Set("Content-Type", "text/xml")
		body, _ = element("ErrorResponse", struct {
			Type    string `xml:"Error>Type"`
			Code    string `xml:"Error>Code"`
			Message string `xml:"Error>Message"`
			Request string `xml:"RequestId"`
		}{kind, e.Code, e.Message, requestID})
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked has gone
}
