exec bash ../_java/setup.sh ../_java_v1
