#!/bin/sh
# Hand the script of a job to Kubernetes and print the name of the job there.
# Usage: submit.sh CPUS MEMORY_MB DISK_MB MINUTES GPUS SCRIPT
set -eu
: "${SIGHTLINE_IMAGE:?name the image that jobs run in}"
: "${SIGHTLINE_CLAIM:?name the claim on the volume that this folder is on}"
: "${SIGHTLINE_MOUNT:?name the folder under which the volume is mounted, here and in jobs}"

kubectl create --filename=- --output=name <<END
apiVersion: batch/v1
kind: Job
metadata:
  generateName: sightline-
spec:
  # Snakemake tries again, with more of everything.
  backoffLimit: 0
  ttlSecondsAfterFinished: 86400
  template:
    spec:
      # Of the pod and not of the job, whose clock also runs while nothing is free.
      activeDeadlineSeconds: $(($4 * 60))
      restartPolicy: Never
      tolerations:
        - {key: nvidia.com/gpu, operator: Exists}
      containers:
        - name: job
          image: $SIGHTLINE_IMAGE
          workingDir: $PWD
          command: [sh, "$6"]
          resources:
            requests: {cpu: $1, memory: $2M, ephemeral-storage: $3M}
            limits: {memory: $2M, nvidia.com/gpu: $5}
          volumeMounts:
            - {name: work, mountPath: $SIGHTLINE_MOUNT}
      volumes:
        - name: work
          persistentVolumeClaim: {claimName: $SIGHTLINE_CLAIM}
END
