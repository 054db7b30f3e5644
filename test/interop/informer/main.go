// Informers of client-go on what a registry shows: services, pods and nodes by the typed client, which asks for protobuf first, and
// EndpointSlices by the dynamic one. What they hold is printed when a line comes in; each request is told on stderr.
//
//	informer http://127.0.0.1:7443
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// What is told of an object.
type object struct {
	ResourceVersion string            `json:"resourceVersion"`
	Labels          map[string]string `json:"labels,omitempty"`
	Addresses       []string          `json:"addresses,omitempty"`
}

type told struct{ inner http.RoundTripper }

func (t told) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.inner.RoundTrip(request)
	code := 0
	if err == nil {
		code = response.StatusCode
	}
	fmt.Fprintf(os.Stderr, "%s %s %d\n", request.Method, request.URL.RequestURI(), code)
	return response, err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	config := &rest.Config{Host: os.Args[1], QPS: 1000, Burst: 1000, WrapTransport: func(inner http.RoundTripper) http.RoundTripper { return told{inner} }}
	untyped, err := dynamic.NewForConfig(config)
	check(err)
	binary := rest.CopyConfig(config)
	binary.ContentType = runtime.ContentTypeProtobuf
	binary.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	core, err := typed.NewForConfig(binary)
	check(err)

	slices := untyped.Resource(schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"})
	stores := map[string]cache.SharedInformer{
		"endpointslices": cache.NewSharedInformer(&cache.ListWatch{
			ListFunc: func(options metav1.ListOptions) (runtime.Object, error) { return slices.List(context.Background(), options) },
			WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) { return slices.Watch(context.Background(), options) },
		}, &unstructured.Unstructured{}, 0),
	}
	for resource, kind := range map[string]runtime.Object{"services": &corev1.Service{}, "pods": &corev1.Pod{}, "nodes": &corev1.Node{}} {
		stores[resource] = cache.NewSharedInformer(cache.NewListWatchFromClient(core.RESTClient(), resource, "", fields.Everything()), kind, 0)
	}
	for _, informer := range stores {
		go informer.Run(context.Background().Done())
	}

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		state := map[string]map[string]object{}
		for resource, informer := range stores {
			if !informer.HasSynced() {
				continue
			}
			found := map[string]object{}
			for _, item := range informer.GetStore().List() {
				key, err := cache.MetaNamespaceKeyFunc(item)
				check(err)
				found[key] = objectOf(item)
			}
			state[resource] = found
		}
		text, err := json.Marshal(state)
		check(err)
		fmt.Println(string(text))
	}
}

func objectOf(item interface{}) object {
	accessor, err := meta.Accessor(item)
	check(err)
	told := object{ResourceVersion: accessor.GetResourceVersion(), Labels: accessor.GetLabels()}
	switch kind := item.(type) {
	case *corev1.Pod:
		told.Addresses = []string{kind.Status.PodIP}
	case *corev1.Service:
		told.Addresses = []string{kind.Spec.ClusterIP}
	case *corev1.Node:
		for _, address := range kind.Status.Addresses {
			told.Addresses = append(told.Addresses, address.Address)
		}
	case *unstructured.Unstructured:
		endpoints, _, err := unstructured.NestedSlice(kind.Object, "endpoints")
		check(err)
		for _, endpoint := range endpoints {
			addresses, _, err := unstructured.NestedStringSlice(endpoint.(map[string]interface{}), "addresses")
			check(err)
			told.Addresses = append(told.Addresses, addresses...)
		}
	}
	return told
}
